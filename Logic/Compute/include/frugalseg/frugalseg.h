/**
 * @file frugalseg.h
 * FrugalSeg compute library: label-efficient segmentation of the liver and prostate in T2-weighted
 * MR. Research software, not a medical device.
 *
 * Read in this order: status.h (errors, progress), context.h (threads, kernels), model.h
 * (architecture, weights, file), session.h (inference), sampler.h and trainer.h (training),
 * pretrainer.h (learning from unlabelled images).
 * Shapes are written [N, C, H, W], slowest first; lengths are in mm, volumes in ml, times in s.
 */
#ifndef FRUGALSEG_FRUGALSEG_H
#define FRUGALSEG_FRUGALSEG_H

#include "acquisition.h"
#include "answer.h"
#include "augment.h"
#include "constraint_map.h"
#include "context.h"
#include "contrast.h"
#include "corrupt.h"
#include "loss.h"
#include "model.h"
#include "phantom.h"
#include "phantom_pelvis.h"
#include "phantom_torso.h"
#include "pretrainer.h"
#include "random.h"
#include "recolour.h"
#include "regression.h"
#include "sampler.h"
#include "session.h"
#include "statistics.h"
#include "status.h"
#include "tissue.h"
#include "trainer.h"

/** Version of the library, "major.minor.patch". */
#define FSEG_VERSION "0.1.0"

#endif
