"""FrugalSeg in a web browser, on trame-slicer. Research software, not a medical device.

Only display: loading, verdicts, segmentation and export are those of vtkSlicerFrugalSegLogic.
"""
