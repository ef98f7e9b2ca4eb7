// The panel from opening a folder to an exported, reloaded result, as a user goes through it: real
// clicks, the shipped model, a phantom as DICOM, and Slicer's displayable managers for the picture.
#include "PanelFixture.h"

#include "FrugalSegHandles.h"
#include <qFrugalSegLossCurve.h>

#include <vtkIntArray.h>
#include <vtkMRMLSegmentationDisplayNode.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>

#include <QComboBox>
#include <QDir>
#include <QFile>
#include <QLabel>
#include <QSlider>
#include <QSpinBox>
#include <QTableWidget>
#include <QTreeWidget>

#include <algorithm>
#include <array>

namespace
{
using Learning = vtkSlicerFrugalSegLearningLogic;

size_t Count(const std::vector<char>& voxels)
{
  return static_cast<size_t>(std::count(voxels.begin(), voxels.end(), 1));
}

/// 0 where the two pictures are equal.
std::vector<bool> Differences(const QImage& a, const QImage& b)
{
  std::vector<bool> differs;
  for (int row = 0; row < a.height(); ++row)
  {
    for (int column = 0; column < a.width(); ++column)
    {
      differs.push_back(a.pixel(column, row) != b.pixel(column, row));
    }
  }
  return differs;
}

double Dice(const std::vector<bool>& a, const std::vector<bool>& b)
{
  double both = 0., sum = 0.;
  for (size_t i = 0; i < a.size(); ++i)
  {
    both += a[i] && b[i];
    sum += double(a[i]) + double(b[i]);
  }
  return sum > 0. ? 2. * both / sum : 0.;
}

QString Picture(const char* name)
{
  const QString folder = QString::fromLocal8Bit(qgetenv("FRUGALSEG_PICTURES"));
  QDir().mkpath(folder);
  return QDir(folder).filePath(name);
}
} // namespace

class JourneyTest : public QObject
{
  Q_OBJECT

private:
  std::unique_ptr<PanelFixture> Fixture;
  std::vector<char> Exported; ///< voxels at the time of export

  double ShownML() const
  {
    return this->Fixture->Find<QLabel>("VolumeMLLabel")->text().section(' ', 0, 0).toDouble();
  }
  double MaskML() const
  {
    const double* spacing = this->Fixture->Volume()->GetSpacing();
    return Count(this->Fixture->Voxels()) * spacing[0] * spacing[1] * spacing[2] / 1000.;
  }

private slots:
  void initTestCase() { this->Fixture = std::make_unique<PanelFixture>(true); }
  void cleanupTestCase() { this->Fixture.reset(); }

  void openTheDemoFolder()
  {
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(1)));
    QTreeWidget* series = this->Fixture->Find<QTreeWidget>("SeriesTree");
    QCOMPARE(series->topLevelItemCount(), 1);
    QVERIFY(series->topLevelItem(0)->text(0).contains("256 x 256 x 30"));
    QVERIFY(series->topLevelItem(0)->text(0).contains("1.4 x 1.4 x 7 mm"));
    QVERIFY(series->topLevelItem(0)->text(1).contains("usable"));
    QVERIFY(this->Fixture->Volume());
    QCOMPARE(this->Fixture->Find<QComboBox>("ModelBox")->currentData().toString(), QString("liver-t2"));
    QVERIFY(this->Fixture->Find<QComboBox>("ModelBox")->currentText().contains("suggested"));
  }

  void segment()
  {
    QVERIFY(this->Fixture->Segment());
    QVERIFY(this->Fixture->Message("RunMessage").contains("found"));
    QVERIFY(Count(this->Fixture->Voxels()) > 0);
    QVERIFY(std::abs(this->ShownML() - this->MaskML()) <= 0.005 * this->MaskML() + 0.05);
  }

  void theOverlayCoversTheMaskInEveryView()
  {
    PanelFixture& fixture = *this->Fixture;
    fixture.Find<QSlider>("OpacitySlider")->setValue(100);
    auto* display = vtkMRMLSegmentationDisplayNode::SafeDownCast(fixture.Segmentation()->GetDisplayNode());
    for (const auto view : { SceneViews::Axial, SceneViews::Coronal, SceneViews::Sagittal })
    {
      display->SetVisibility2DOutline(false);
      const QImage with = fixture.Window->Views->Slice(view);
      display->SetVisibility(false);
      const QImage without = fixture.Window->Views->Slice(view);
      display->SetVisibility(true);
      display->SetVisibility2DOutline(true);
      const std::vector<bool> drawn = Differences(with, without);
      const std::vector<bool> covered =
          fixture.Window->Views->Covered(view, fixture.Segmentation(), fixture.SegmentID());
      const double area = double(std::count(covered.begin(), covered.end(), true));
      QVERIFY(area > 1000.);
      QVERIFY2(Dice(drawn, covered) > 0.97, qPrintable(QString::number(Dice(drawn, covered))));
      QVERIFY(std::abs(std::count(drawn.begin(), drawn.end(), true) - area) < 0.03 * area);
    }
    fixture.Find<QSlider>("OpacitySlider")->setValue(50);
    fixture.Window->Save(Picture("slicer-panel-segment.png"));
  }

  void outlineOnlyDrawsLess()
  {
    PanelFixture& fixture = *this->Fixture;
    auto* display = vtkMRMLSegmentationDisplayNode::SafeDownCast(fixture.Segmentation()->GetDisplayNode());
    const auto changed = [&]
    {
      const QImage with = fixture.Window->Views->Slice(SceneViews::Axial);
      display->SetVisibility(false);
      const QImage without = fixture.Window->Views->Slice(SceneViews::Axial);
      display->SetVisibility(true);
      const std::vector<bool> drawn = Differences(with, without);
      return std::count(drawn.begin(), drawn.end(), true);
    };
    const auto filled = changed();
    QVERIFY(fixture.Click("OutlineBox"));
    const auto outline = changed();
    QVERIFY(outline > 0);
    QVERIFY(outline < filled / 3);
    QVERIFY(fixture.Click("OutlineBox"));
    QCOMPARE(changed(), filled);
  }

  void uncertaintyLiesOverTheSlices()
  {
    PanelFixture& fixture = *this->Fixture;
    const QImage without = fixture.Window->Views->Slice(SceneViews::Axial);
    QVERIFY(fixture.Click("UncertaintyBox"));
    QVERIFY(fixture.Window->Views->Slice(SceneViews::Axial) != without);
    fixture.Window->Save(Picture("slicer-panel-uncertainty.png"));
    QVERIFY(fixture.Click("UncertaintyBox"));
    QCOMPARE(fixture.Window->Views->Slice(SceneViews::Axial), without);
  }

  void paintAndErase()
  {
    PanelFixture& fixture = *this->Fixture;
    const std::vector<char> before = fixture.Voxels();
    const std::array<double, 3> center = fixture.Center();
    QVERIFY(!vtkSlicerFrugalSegLogic::IsSegmentEdited(fixture.Segmentation(), fixture.SegmentID(),
                                                      fixture.Volume()));

    fixture.Paint(center.data(), 15., true);
    const std::vector<char> erased = fixture.Voxels();
    QVERIFY(Count(erased) < Count(before));
    QVERIFY(PanelFixture::Wait(
        [this] { return std::abs(this->ShownML() - this->MaskML()) <= 0.005 * this->MaskML(); }));

    const double outside[3] = { center[0], center[1] - 90., center[2] };
    fixture.Paint(outside, 12., false);
    const std::vector<char> painted = fixture.Voxels();
    QVERIFY(Count(painted) > Count(erased));
    QVERIFY(PanelFixture::Wait(
        [this] { return std::abs(this->ShownML() - this->MaskML()) <= 0.005 * this->MaskML(); }));
    QVERIFY(vtkSlicerFrugalSegLogic::IsSegmentEdited(fixture.Segmentation(), fixture.SegmentID(),
                                                     fixture.Volume()));
  }

  void aCorrectedSegmentIsNotOverwritten()
  {
    PanelFixture& fixture = *this->Fixture;
    const std::vector<char> corrected = fixture.Voxels();
    const QString correctedID = fixture.Window->Panel->session()->segmentID();
    QVERIFY(fixture.Segment());
    QComboBox* segments = fixture.Find<QComboBox>("SegmentBox");
    QCOMPARE(segments->count(), 2);
    QVERIFY(segments->isVisible());
    QVERIFY(fixture.Window->Panel->session()->segmentID() != correctedID);
    QVERIFY(!fixture.Message("CheckMessage").isEmpty()); // says so
    segments->setCurrentIndex(segments->findData(correctedID));
    QCOMPARE(fixture.Window->Panel->session()->segmentID(), correctedID);
    QVERIFY(fixture.Voxels() == corrected);
  }

  void saveAsLabel()
  {
    PanelFixture& fixture = *this->Fixture;
    const QString dataset = fixture.Path("dataset");
    QDir().mkpath(dataset);
    QVERIFY(fixture.ClickAndAnswer("SaveLabelButton", dataset)); // asks for the folder the first time
    QVERIFY2(fixture.Message("LabelMessage").contains("case_0001"),
             qPrintable(fixture.Message("LabelMessage")));
    QVERIFY(QFile::exists(dataset + "/imagesTr/case_0001_0000.nii.gz"));
    QVERIFY(QFile::exists(dataset + "/dataset.json"));
    fseg_error error{};
    FrugalSegMask label;
    QCOMPARE(fseg_mask_read((dataset + "/labelsTr/case_0001.nii.gz").toUtf8().constData(), 1,
                            FrugalSegOut(label), &error),
             FSEG_OK);
    const std::vector<char> voxels = fixture.Voxels();
    QVERIFY(std::equal(voxels.begin(), voxels.end(), label->voxels));
  }

  void openNextProposesTheOtherCase()
  {
    PanelFixture& fixture = *this->Fixture;
    fixture.Find<QComboBox>("OrderBox")->setCurrentIndex(Learning::OrderFirst);
    vtkMRMLScalarVolumeNode* former = fixture.Volume();
    fixture.Window->Panel->learnTab()->setImageFolder(PanelFixture::Phantom(2));
    QVERIFY(fixture.Click("OpenNextButton"));
    QVERIFY(PanelFixture::Wait([&] { return fixture.Volume() != former; }));
    QVERIFY(fixture.Message("NextMessage").contains("Opened"));
    QVERIFY(fixture.Segment());
    QVERIFY(fixture.Click("SaveLabelButton"));
    QVERIFY2(fixture.Message("LabelMessage").contains("case_0002"),
             qPrintable(fixture.Message("LabelMessage")));
  }

  void learningCanBeCancelled()
  {
    PanelFixture& fixture = *this->Fixture;
    Learning* learning = fixture.Window->Panel->learningLogic();
    learning->SetBatchSize(1);
    learning->SetPatchSize(64);
    qFrugalSegLossCurve* curve = fixture.Find<qFrugalSegLossCurve>("LossCurve");
    fixture.Find<QSpinBox>("StepsBox")->setValue(100000);
    const std::string model = learning->GetCurrentModel();
    QVERIFY(fixture.Click("LearnButton"));
    QVERIFY(PanelFixture::Wait([&] { return curve->count() >= 2; }));
    QVERIFY(fixture.Find<QAbstractButton>("SegmentButton")->isEnabled()); // the rest stays usable
    QVERIFY(fixture.Click("CancelLearnButton"));
    QVERIFY(PanelFixture::Wait([&] { return !learning->IsRunning(Learning::Learning); }));
    QVERIFY(fixture.Message("LearnMessage").contains("ancel"));
    QCOMPARE(learning->GetCurrentModel(), model);
  }

  void learnWithAMovingCurve()
  {
    PanelFixture& fixture = *this->Fixture;
    Learning* learning = fixture.Window->Panel->learningLogic();
    qFrugalSegLossCurve* curve = fixture.Find<qFrugalSegLossCurve>("LossCurve");
    const int steps = 16;
    fixture.Find<QSpinBox>("StepsBox")->setValue(steps);
    QVERIFY(fixture.Click("LearnButton"));
    QCOMPARE(curve->count(), 0);
    QList<int> counts;
    QVERIFY(PanelFixture::Wait(
        [&]
        {
          if (counts.isEmpty() || counts.last() != curve->count())
          {
            counts << curve->count();
          }
          return !learning->IsRunning(Learning::Learning);
        }));
    QVERIFY2(learning->GetLastSucceeded(Learning::Learning),
             learning->GetLastMessage(Learning::Learning).c_str());
    QCOMPARE(curve->count(), steps);
    QVERIFY2(counts.size() >= 3, "the curve grows while the model learns");
    QVERIFY(std::is_sorted(counts.begin(), counts.end()));

    QTableWidget* scores = fixture.Find<QTableWidget>("ScoreTable");
    QVERIFY(scores->isVisible());
    QCOMPARE(scores->rowCount(), 2); // one held-out case, and the mean
    QVERIFY(scores->item(1, 1)->text().toDouble() > 0.);
    QVERIFY(scores->item(1, 2)->text().toDouble() > 0.);
    QVERIFY(fixture.Message("LearnMessage").contains("Dice"));
    QTest::qWait(150);
    fixture.Window->Save(Picture("slicer-panel-learn.png"));
  }

  void goBackToTheFormerModel()
  {
    PanelFixture& fixture = *this->Fixture;
    Learning* learning = fixture.Window->Panel->learningLogic();
    if (learning->CanAcceptModel()) // worse after so few steps: it is used only because the user says so
    {
      QCOMPARE(learning->GetCurrentModel(), std::string("liver-t2"));
      QVERIFY(fixture.Click("AcceptButton"));
    }
    QCOMPARE(learning->GetCurrentModel(), learning->GetLearnedModel());
    QCOMPARE(fixture.Find<QComboBox>("ModelBox")->currentData().toString(),
             QString::fromStdString(learning->GetLearnedModel()));
    QVERIFY(fixture.Click("RevertButton"));
    QCOMPARE(learning->GetCurrentModel(), std::string("liver-t2"));
    QCOMPARE(fixture.Find<QComboBox>("ModelBox")->currentData().toString(), QString("liver-t2"));
  }

  void propagateLeavesCorrectedSlices()
  {
    PanelFixture& fixture = *this->Fixture;
    Learning* learning = fixture.Window->Panel->learningLogic();
    const std::vector<char> before = fixture.Voxels();
    const std::array<double, 3> center = fixture.Center();
    fixture.Paint(center.data(), 10., true);
    fixture.Paint(center.data(), 5., false); // the center may lie beside the segment: something changes
    const std::vector<char> corrected = fixture.Voxels();
    QVERIFY(corrected != before);
    vtkNew<vtkIntArray> slices;
    QVERIFY(
        learning->GetCorrectedSlices(fixture.Volume(), fixture.Segmentation(), fixture.SegmentID(), slices));
    QVERIFY(slices->GetNumberOfValues() > 0);
    const QString count = QString("(%1 corrected)").arg(slices->GetNumberOfValues());
    QVERIFY(PanelFixture::Wait(
        [&] { return fixture.Find<QAbstractButton>("PropagateButton")->text().endsWith(count); }));

    learning->SetPropagationSteps(2);
    QVERIFY(fixture.Click("PropagateButton"));
    QVERIFY(PanelFixture::Wait([&] { return !learning->IsRunning(Learning::Propagation); }));
    QVERIFY2(learning->GetLastSucceeded(Learning::Propagation), qPrintable(fixture.Message("LabelMessage")));
    const std::vector<char> after = fixture.Voxels();
    int dimensions[3];
    fixture.Volume()->GetImageData()->GetDimensions(dimensions);
    const ptrdiff_t size = static_cast<ptrdiff_t>(dimensions[0]) * dimensions[1];
    for (vtkIdType i = 0; i < slices->GetNumberOfValues(); ++i)
    {
      const ptrdiff_t begin = slices->GetValue(i) * size;
      QVERIFY(std::equal(corrected.begin() + begin, corrected.begin() + begin + size, after.begin() + begin));
    }
  }

  void exportInEveryFormat()
  {
    PanelFixture& fixture = *this->Fixture;
    this->Exported = fixture.Voxels();
    const struct
    {
      const char* Button;
      const char* Suffix;
    } formats[] = { { "ExportSEGButton", ".dcm" },
                    { "ExportNIfTIButton", ".nii.gz" },
                    { "ExportNRRDButton", ".nrrd" },
                    { "ExportSTLButton", ".stl" } };
    for (const auto& format : formats)
    {
      const QString file = fixture.Path(QString("liver") + format.Suffix);
      QVERIFY(fixture.ClickAndAnswer(format.Button, file));
      QVERIFY2(fixture.Kind("ExportMessage") == qFrugalSegMessageLabel::Success,
               qPrintable(fixture.Message("ExportMessage")));
      QVERIFY(QFileInfo(file).size() > 0);
    }
    for (const char* suffix : { ".nii.gz", ".nrrd" })
    {
      fseg_error error{};
      FrugalSegMask mask;
      QCOMPARE(fseg_mask_read(fixture.Path(QString("liver") + suffix).toUtf8().constData(), 1,
                              FrugalSegOut(mask), &error),
               FSEG_OK);
      QVERIFY(std::equal(this->Exported.begin(), this->Exported.end(), mask->voxels));
    }
  }

  void reload()
  {
    PanelFixture& fixture = *this->Fixture;
    fixture.Scene->Clear(0);
    QVERIFY(!fixture.Volume());
    QVERIFY(PanelFixture::Wait([&] { return !fixture.Find<QAbstractButton>("SegmentButton")->isEnabled(); }));
    QVERIFY(!fixture.Find<QWidget>("ResultGroup")->isVisible());
    QVERIFY(fixture.ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(2)));
    vtkMRMLSegmentationNode* segmentation =
        fixture.Logic->LoadSegmentation(fixture.Path("liver.dcm").toUtf8().constData(), fixture.Volume());
    QVERIFY(segmentation);
    fixture.Window->Panel->session()->setSegment(
        segmentation, QString::fromStdString(segmentation->GetSegmentation()->GetNthSegmentID(0)));
    QVERIFY(fixture.Voxels() == this->Exported);
    QVERIFY(std::abs(this->ShownML() - this->MaskML()) <= 0.005 * this->MaskML() + 0.05);
  }
};

QTEST_MAIN(JourneyTest)
#include "JourneyTest.moc"
