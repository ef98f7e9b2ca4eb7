// What the panel does with bad input, in the middle of things, and with keys instead of the mouse.
#include "PanelFixture.h"

#include "FrugalSegHandles.h"
#include <qFrugalSegLossCurve.h>

#include <vtkMRMLSliceCompositeNode.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>

#include <QAction>
#include <QComboBox>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QPainter>
#include <QSlider>
#include <QTabBar>
#include <QTreeWidget>

#include <algorithm>
#include <cmath>
#include <limits>

namespace
{
/// Copy the files of a folder, all or without every fourth.
QString Copy(const QString& from, const QString& to, bool withGaps = false)
{
  QDir().mkpath(to);
  const QStringList files = QDir(from).entryList(QDir::Files, QDir::Name);
  for (int i = 0; i < files.size(); ++i)
  {
    if (!withGaps || i % 4 != 1)
    {
      QFile::copy(from + '/' + files[i], to + '/' + files[i]);
    }
  }
  return to;
}

/// A model that finds nothing in any image.
QString BlindModel(const QString& path)
{
  fseg_unet_config config = fseg_unet_default_config(1, 2);
  config.levels = 3;
  config.widths[0] = config.widths[1] = config.widths[2] = 8;
  fseg_error error{};
  FrugalSegModel model;
  const char* card =
      "{\"name\": \"blind\", \"version\": \"1\", \"structure\": \"liver\", \"modality\": \"MR\", "
      "\"spacing_mm\": 5}";
  const fseg_status made = fseg_model_create(&config, 5, FrugalSegOut(model), &error);
  if (made != FSEG_OK || fseg_model_set_card(model.get(), card, &error) != FSEG_OK)
  {
    qFatal("%s", error.message);
  }
  const fseg_tensor* shift = fseg_model_find(model.get(), "head.norm1.bias");
  const fseg_tensor* weight = fseg_model_find(model.get(), "head.conv2.weight");
  std::fill_n(shift->data, shift->count, 1.f);
  std::fill_n(weight->data, weight->count / 2, 9.f); // background
  std::fill_n(weight->data + weight->count / 2, weight->count / 2, -9.f);
  if (fseg_model_save(model.get(), path.toUtf8().constData(), &error) != FSEG_OK)
  {
    qFatal("%s", error.message);
  }
  return path;
}

double Luminance(const QColor& color)
{
  const auto linear = [](double value)
  { return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4); };
  return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}
} // namespace

class PanelTest : public QObject
{
  Q_OBJECT

private:
  std::unique_ptr<PanelFixture> Fixture;

private slots:
  void init() { this->Fixture = std::make_unique<PanelFixture>(false); }
  void cleanup() { this->Fixture.reset(); }

  void saysThatItIsResearchSoftware()
  {
    const QString text = this->Fixture->Find<QLabel>("ResearchLabel")->text();
    QVERIFY(text.contains("Research software, not a medical device"));
    QVERIFY(this->Fixture->Find<QLabel>("ResearchLabel")->isVisible());
  }

  void withoutAnImageNothingCanBeSegmented()
  {
    QVERIFY(!this->Fixture->Find<QAbstractButton>("SegmentButton")->isEnabled());
    QVERIFY(this->Fixture->Find<QAbstractButton>("SegmentButton")->toolTip().contains("image first"));
    QVERIFY(!this->Fixture->Find<QWidget>("ExportGroup")->isVisible());
  }

  void aFolderWithoutImagesIsNamedAsSuch()
  {
    QDir().mkpath(this->Fixture->Path("empty"));
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", this->Fixture->Path("empty")));
    QCOMPARE(this->Fixture->Kind("ImageMessage"), qFrugalSegMessageLabel::Error);
    QVERIFY(this->Fixture->Message("ImageMessage").contains("DICOM"));
    QVERIFY(!this->Fixture->Find<QWidget>("SeriesTree")->isVisible());
  }

  void aSeriesWithAGapIsRefusedWithTheReason()
  {
    const QString folder = Copy(PanelFixture::Phantom(1, true), this->Fixture->Path("gap"), true);
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", folder));
    QTreeWidget* series = this->Fixture->Find<QTreeWidget>("SeriesTree");
    QVERIFY2(series->topLevelItem(0)->text(1).contains("refused"),
             qPrintable(series->topLevelItem(0)->text(1)));
    QVERIFY(!series->topLevelItem(0)->toolTip(0).isEmpty());
    QCOMPARE(this->Fixture->Kind("ImageMessage"), qFrugalSegMessageLabel::Error);
    QVERIFY(this->Fixture->Message("ImageMessage").contains("slice"));
    QVERIFY(!this->Fixture->Volume());
    emit series->itemActivated(series->topLevelItem(0), 0);
    QVERIFY(!this->Fixture->Volume());
  }

  void ofSeveralSeriesTheUserChooses()
  {
    const QString folder = this->Fixture->Path("two");
    Copy(PanelFixture::Phantom(1, true), folder + "/a");
    Copy(PanelFixture::Phantom(2, true), folder + "/b");
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", folder));
    QTreeWidget* series = this->Fixture->Find<QTreeWidget>("SeriesTree");
    QCOMPARE(series->topLevelItemCount(), 2);
    QVERIFY(!this->Fixture->Volume());
    series->setCurrentItem(series->topLevelItem(1));
    QTest::keyClick(series, Qt::Key_Return);
    QVERIFY(this->Fixture->Volume());
    QCOMPARE(QString(this->Fixture->Volume()->GetAttribute("FrugalSeg.SeriesUID")),
             series->topLevelItem(1)->data(0, Qt::UserRole).toString());
  }

  void volumesThatAreThereAlreadyCanBeChosen()
  {
    vtkMRMLScalarVolumeNode* volume =
        this->Fixture->Logic->LoadSeries(PanelFixture::Phantom(1, true).toUtf8().constData());
    QComboBox* box = this->Fixture->Find<QComboBox>("VolumeBox");
    QVERIFY(PanelFixture::Wait([&] { return box->count() == 1; }));
    QVERIFY(!this->Fixture->Volume());
    box->setCurrentIndex(0);
    QCOMPARE(this->Fixture->Volume(), volume);
    QVERIFY(this->Fixture->Find<QAbstractButton>("SegmentButton")->isEnabled());
    this->Fixture->Scene->RemoveNode(volume);
    QVERIFY(PanelFixture::Wait([&] { return box->count() == 0; }));
    QVERIFY(!this->Fixture->Find<QAbstractButton>("SegmentButton")->isEnabled());
  }

  void anImageOutsideTheModelsCardIsSaid()
  {
    vtkMRMLScalarVolumeNode* volume =
        this->Fixture->Logic->LoadSeries(PanelFixture::Phantom(1, true).toUtf8().constData());
    volume->SetSpacing(9., 9., 12.);
    this->Fixture->Window->Panel->setVolume(volume);
    QCOMPARE(this->Fixture->Kind("ModelMessage"), qFrugalSegMessageLabel::Warning);
    QVERIFY(!this->Fixture->Message("ModelMessage").isEmpty());
  }

  void aRunThatFindsNothingSaysSo()
  {
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(1, true)));
    QStringList problems;
    QVERIFY(this->Fixture->Window->Panel->session()->setModel(BlindModel(this->Fixture->Path("blind.fseg")),
                                                              problems));
    QVERIFY(this->Fixture->Click("SegmentButton"));
    QVERIFY(PanelFixture::Wait([this] { return !this->Fixture->Logic->IsSegmenting(); }));
    QCOMPARE(this->Fixture->Kind("RunMessage"), qFrugalSegMessageLabel::Warning);
    QVERIFY(!this->Fixture->Message("RunMessage").isEmpty());
    QVERIFY(!this->Fixture->Segmentation());
    QVERIFY(!this->Fixture->Find<QWidget>("ResultGroup")->isVisible());
  }

  void aBrokenModelLeavesTheFormerOne()
  {
    QFile broken(this->Fixture->Path("broken.fseg"));
    QVERIFY(broken.open(QIODevice::WriteOnly) && broken.write("not a model") > 0);
    broken.close();
    QStringList problems;
    QVERIFY(!this->Fixture->Window->Panel->session()->setModel(broken.fileName(), problems));
    QCOMPARE(this->Fixture->Window->Panel->session()->model(), QString("liver-t2"));
    QCOMPARE(problems.size(), 1);
  }

  void cancellingLeavesTheSceneAsItWas()
  {
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(1)));
    const int nodes = this->Fixture->Scene->GetNumberOfNodes();
    QVERIFY(this->Fixture->Click("SegmentButton"));
    QVERIFY(this->Fixture->Find<QWidget>("ProgressBar")->isVisible());
    QVERIFY(!this->Fixture->Find<QAbstractButton>("SegmentButton")->isEnabled());
    QVERIFY(this->Fixture->Click("CancelButton"));
    QVERIFY(PanelFixture::Wait([this] { return !this->Fixture->Logic->IsSegmenting(); }));
    QVERIFY(this->Fixture->Message("RunMessage").contains("cancelled"));
    QCOMPARE(this->Fixture->Scene->GetNumberOfNodes(), nodes);
    QVERIFY(!this->Fixture->Segmentation());
    QVERIFY(this->Fixture->Find<QAbstractButton>("SegmentButton")->isEnabled());
  }

  void theSceneMayBeClosedDuringARun()
  {
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(1, true)));
    QVERIFY(this->Fixture->Click("SegmentButton"));
    this->Fixture->Scene->Clear(0);
    QVERIFY(PanelFixture::Wait([this] { return !this->Fixture->Logic->IsSegmenting(); }));
    QVERIFY(!this->Fixture->Volume());
    QVERIFY(this->Fixture->OpenAndSegment(PanelFixture::Phantom(1, true))); // still usable
  }

  void thePanelMayGoDuringARun()
  {
    QVERIFY(this->Fixture->ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(1, true)));
    QVERIFY(this->Fixture->Click("SegmentButton"));
    delete this->Fixture->Window->Panel;
    QVERIFY(PanelFixture::Wait(
        [this]
        {
          this->Fixture->Logic->ProcessPendingResults();
          return !this->Fixture->Logic->IsSegmenting();
        }));
    QVERIFY(this->Fixture->Logic->GetLastSegmentation());
  }

  void anotherSegmentIsShownMeasuredAndExported()
  {
    QVERIFY(this->Fixture->OpenAndSegment(PanelFixture::Phantom(1, true)));
    const QString own = this->Fixture->Find<QLabel>("VolumeMLLabel")->text();
    const std::string added =
        this->Fixture->Segmentation()->GetSegmentation()->AddEmptySegment("mine", "mine");
    QComboBox* box = this->Fixture->Find<QComboBox>("SegmentBox");
    QVERIFY(PanelFixture::Wait([&] { return box->count() == 2; }));
    box->setCurrentIndex(box->findData("mine"));
    QCOMPARE(this->Fixture->SegmentID(), added);
    QCOMPARE(this->Fixture->Find<QLabel>("VolumeMLLabel")->text(), QString("0 ml"));
    // A segment of another hand is no FrugalSeg result: the DICOM export says so and writes nothing.
    const QString file = this->Fixture->Path("mine.dcm");
    QVERIFY(this->Fixture->ClickAndAnswer("ExportSEGButton", file));
    QCOMPARE(this->Fixture->Kind("ExportMessage"), qFrugalSegMessageLabel::Error);
    QVERIFY(!QFile::exists(file));
    box->setCurrentIndex(1 - box->currentIndex());
    QCOMPARE(this->Fixture->Find<QLabel>("VolumeMLLabel")->text(), own);
  }

  void anExportThatFailsSaysWhy()
  {
    QVERIFY(this->Fixture->OpenAndSegment(PanelFixture::Phantom(1, true)));
    QVERIFY(!this->Fixture->Window->Panel->segmentTab()->resultWidget()->exportTo(
        this->Fixture->Path("no/such/folder/liver.nrrd")));
    QCOMPARE(this->Fixture->Kind("ExportMessage"), qFrugalSegMessageLabel::Error);
    QVERIFY(!this->Fixture->Message("ExportMessage").isEmpty());
  }

  void learningWithoutLabelsIsNotOffered()
  {
    QAbstractButton* learn = this->Fixture->Find<QAbstractButton>("LearnButton");
    QVERIFY(!learn->isEnabled());
    QVERIFY(learn->toolTip().contains("Save a label first"));
    QVERIFY(!this->Fixture->Find<QAbstractButton>("SaveLabelButton")->isEnabled());
    QVERIFY(!this->Fixture->Find<QAbstractButton>("RevertButton")->isEnabled());
  }

  void aDatasetThatCannotBeUnderstoodIsRefused()
  {
    QDir().mkpath(this->Fixture->Path("foreign"));
    QFile json(this->Fixture->Path("foreign/dataset.json"));
    QVERIFY(json.open(QIODevice::WriteOnly) && json.write("{ broken") > 0);
    json.close();
    QVERIFY(this->Fixture->ClickAndAnswer("DatasetButton", this->Fixture->Path("foreign")));
    QCOMPARE(this->Fixture->Kind("LabelMessage"), qFrugalSegMessageLabel::Error);
    QVERIFY(this->Fixture->Find<QLineEdit>("DatasetEdit")->text().isEmpty());
  }

  void everyActionHasAKeyOfItsOwn()
  {
    QStringList keys;
    for (QAction* action : this->Fixture->Window->Panel->actions())
    {
      QVERIFY(!action->shortcut().isEmpty());
      QCOMPARE(action->shortcutContext(), Qt::WidgetWithChildrenShortcut);
      keys << action->shortcut().toString();
    }
    QCOMPARE(keys.size(), QSet<QString>(keys.begin(), keys.end()).size());
    // Every button of the panel can be pressed by a key.
    for (QAbstractButton* button : this->Fixture->Window->Panel->findChildren<QAbstractButton*>())
    {
      const bool ours = !button->objectName().isEmpty() && !qobject_cast<QTabBar*>(button->parent()) &&
                        !button->objectName().startsWith("qt_");
      if (ours)
      {
        QVERIFY2(this->Fixture->Window->Panel->findChild<QAction*>(button->objectName() + "Action"),
                 qPrintable(button->objectName()));
      }
    }
  }

  void keysDoWhatClicksDo()
  {
    PanelFixture& fixture = *this->Fixture;
    QVERIFY(fixture.ClickAndAnswer("OpenFolderButton", PanelFixture::Phantom(1, true)));
    fixture.Find<QComboBox>("ModelBox")->setFocus();
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_S, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(fixture.Logic->IsSegmenting());
    QCOMPARE(QApplication::focusWidget(), fixture.Find<QWidget>("CancelButton")); // the keys stay alive
    QVERIFY(PanelFixture::Wait([&] { return !fixture.Logic->IsSegmenting(); }));
    QVERIFY(fixture.Window->Panel->session()->hasSegment());
    QCOMPARE(QApplication::focusWidget(), fixture.Find<QWidget>("SegmentButton"));

    QSlider* opacity = fixture.Find<QSlider>("OpacitySlider");
    const int before = opacity->value();
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Up, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(opacity->value(), before + 10);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_B, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(fixture.Find<QAbstractButton>("OutlineBox")->isChecked());

    QSignalSpy spy(fixture.Window->Panel, &qFrugalSegPanel::editRequested);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_E, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(spy.count(), 1);
    QCOMPARE(spy[0][1].toString(), fixture.Window->Panel->session()->segmentID());
  }

  void messagesCanBeReadByEverybody()
  {
    qFrugalSegMessageLabel label;
    QSet<QString> signs;
    for (const auto kind : { qFrugalSegMessageLabel::Info, qFrugalSegMessageLabel::Success,
                             qFrugalSegMessageLabel::Warning, qFrugalSegMessageLabel::Error })
    {
      label.say(kind, "text");
      signs << label.text().section(' ', 0, 0);
      label.resize(200, 40);
      const QColor background = label.grab().toImage().pixelColor(100, 4);
      const double contrast = 1.05 / (Luminance(background) + 0.05); // to white text
      QVERIFY2(contrast >= 4.5, qPrintable(QString::number(contrast)));
    }
    QCOMPARE(signs.size(), 4); // not by colour alone
    label.say(qFrugalSegMessageLabel::Info, "");
    QVERIFY(label.isHidden());
  }

  void theCurveIsDrawn()
  {
    qFrugalSegLossCurve curve;
    curve.resize(320, 160);
    const QImage empty = curve.grab().toImage();
    QVector<QPointF> points;
    for (int step = 1; step <= 20; ++step)
    {
      points << QPointF(step, 1. / step);
    }
    points << QPointF(21., std::numeric_limits<double>::quiet_NaN());
    curve.setPoints(points, points);
    QCOMPARE(curve.count(), 20);
    const QImage drawn = curve.grab().toImage();
    int blue = 0;
    for (int y = 0; y < drawn.height(); ++y)
    {
      for (int x = 0; x < drawn.width(); ++x)
      {
        blue += drawn.pixelColor(x, y) == QColor(0x00, 0x72, 0xb2);
      }
    }
    QVERIFY(drawn != empty);
    QVERIFY(blue > 100);
    curve.setPoints({ QPointF(1., 0.) }, { QPointF(1., 0.) }); // all zero: no division by it
    curve.grab();
    curve.clear();
    QCOMPARE(curve.grab().toImage(), empty);
  }
};

QTEST_MAIN(PanelTest)
#include "PanelTest.moc"
