// frugalseg-overlay: draw an image with its mask into one PNG.
#include "FrugalSegHandles.h"
#include "vtkFrugalSegOverlayRenderer.h"

#include <vtkImageData.h>
#include <vtkNew.h>
#include <vtkObject.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <dlfcn.h>

namespace
{
enum ExitCode
{
  ExitOk = 0,
  ExitUsage = 2,
  ExitBadInput = 3,
  ExitRefused = 4
};

const char* const Usage =
    "usage: frugalseg-overlay --image PATH --mask FILE --out FILE.png [options]\n"
    "\n"
    "Draws axial, coronal and sagittal slices with the mask over them, and its surface in 3D, by 3D\n"
    "Slicer's displayable managers. Needs no display.\n"
    "\n"
    "  --image PATH   DICOM folder, or NIfTI or NRRD file\n"
    "  --series UID   which series of the folder; needed when it holds several\n"
    "  --mask FILE    NIfTI or NRRD mask on the grid of the image; voxels > 0 are drawn\n"
    "  --out FILE     PNG to write\n"
    "  --label TEXT   what the mask shows, e.g. liver\n"
    "  --size N       pixels of one panel, 200 to 2000 (600)\n"
    "  --help         this text\n"
    "\n"
    "Exit codes: 0 ok, 2 usage, 3 bad input, 4 refused.\n"
    "Research use only - not a medical device.\n";

struct Options
{
  std::string Image, Series, Mask, Out, Label;
  int Size = 600;
};

int Complain(ExitCode code, const char* text)
{
  std::fprintf(stderr, "frugalseg-overlay: %s\n", text);
  return code;
}

int ExitCodeOf(const fseg_error& error)
{
  const bool refused = error.status == FSEG_ERROR_REFUSED || error.status == FSEG_ERROR_AMBIGUOUS;
  return Complain(refused ? ExitRefused : ExitBadInput,
                  error.message[0] ? error.message : fseg_status_text(error.status));
}

/// False after a complaint.
bool Parse(int argc, char** argv, Options& options)
{
  for (int i = 1; i < argc; ++i)
  {
    const std::string name = argv[i];
    std::string* text = name == "--image"    ? &options.Image
                        : name == "--series" ? &options.Series
                        : name == "--mask"   ? &options.Mask
                        : name == "--out"    ? &options.Out
                        : name == "--label"  ? &options.Label
                                             : nullptr;
    if (!text && name != "--size")
    {
      Complain(ExitUsage, ("unknown option \"" + name + "\"; see --help").c_str());
      return false;
    }
    if (++i == argc)
    {
      Complain(ExitUsage, (name + " needs a value; see --help").c_str());
      return false;
    }
    if (text)
    {
      *text = argv[i];
      continue;
    }
    char* end = nullptr;
    const long size = std::strtol(argv[i], &end, 10);
    if (*end || size < 200 || size > 2000)
    {
      Complain(ExitUsage, "--size must be a whole number from 200 to 2000");
      return false;
    }
    options.Size = static_cast<int>(size);
  }
  if (options.Image.empty() || options.Mask.empty() || options.Out.empty())
  {
    Complain(ExitUsage, "--image, --mask and --out are needed; see --help");
    return false;
  }
  return true;
}

/// Without a display VTK would first try one and complain; it need not where EGL is there.
void PreferEGL()
{
  const char* display = std::getenv("DISPLAY");
  void* egl = display && *display ? nullptr : dlopen("libEGL.so.1", RTLD_LAZY);
  if (egl)
  {
    setenv("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow", 0);
    dlclose(egl);
  }
}

fseg_status ReadImage(const Options& options, FrugalSegVolume& volume, fseg_error* error)
{
  if (!fseg_series_is_dicom_input(options.Image.c_str()))
  {
    return fseg_volume_read(options.Image.c_str(), FrugalSegOut(volume), error);
  }
  FrugalSegSeriesList list;
  size_t index = 0;
  fseg_status status = fseg_series_list_scan(options.Image.c_str(), nullptr, FrugalSegOut(list), error);
  if (status == FSEG_OK)
  {
    status = fseg_series_list_choose(list.get(), options.Series.empty() ? nullptr : options.Series.c_str(),
                                     &index, error);
  }
  if (status == FSEG_OK)
  {
    status = fseg_series_read(list.get(), index, nullptr, FrugalSegOut(volume), error);
  }
  return status;
}
} // namespace

int main(int argc, char** argv)
{
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0)
  {
    std::fputs(Usage, stdout);
    return ExitOk;
  }
  Options options;
  if (!Parse(argc, argv, options))
  {
    return ExitUsage;
  }
  fseg_error error{};
  FrugalSegVolume volume;
  FrugalSegMask mask;
  if (ReadImage(options, volume, &error) != FSEG_OK ||
      fseg_mask_read(options.Mask.c_str(), -1, FrugalSegOut(mask), &error) != FSEG_OK)
  {
    return ExitCodeOf(error);
  }
  PreferEGL();
  vtkNew<vtkFrugalSegOverlayRenderer> renderer;
  renderer->SetPanelSize(options.Size);
  renderer->SetLabel(options.Label);
  const vtkSmartPointer<vtkImageData> picture = renderer->Draw(volume.get(), mask.get(), &error);
  if (!picture || vtkFrugalSegOverlayRenderer::WritePNG(picture, options.Out, &error) != FSEG_OK)
  {
    return ExitCodeOf(error);
  }
  return ExitOk;
}
