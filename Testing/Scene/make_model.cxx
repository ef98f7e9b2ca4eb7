// make_model FILE: save a small model with fresh weights, for the Python tests.
#include "FrugalSegHandles.h"

#include <cstdio>

int main(int argc, char** argv)
{
  fseg_unet_config config = fseg_unet_default_config(1, 2);
  fseg_error error{};
  FrugalSegModel model;
  config.levels = 3;
  config.widths[0] = config.widths[1] = config.widths[2] = 8;
  if (argc != 2 || fseg_model_create(&config, 5, FrugalSegOut(model), &error) != FSEG_OK)
  {
    std::fprintf(stderr, "make_model: %s\n", argc != 2 ? "one file name is needed" : error.message);
    return 1;
  }
  const char* card =
      "{\"name\": \"fresh\", \"version\": \"1\", \"structure\": \"liver\", \"modality\": \"MR\"}";
  if (fseg_model_set_card(model.get(), card, &error) != FSEG_OK ||
      fseg_model_save(model.get(), argv[1], &error) != FSEG_OK)
  {
    std::fprintf(stderr, "make_model: %s\n", error.message);
    return 1;
  }
  return 0;
}
