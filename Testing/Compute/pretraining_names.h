// How a kind of pretraining is called in the list of tests.
#pragma once

#include <ostream>

#include "frugalseg/pretrainer.h"

inline void PrintTo(const fseg_pretrainer_options &o, std::ostream *out)
{
    static const char *const variants[] = {"simclr",   "partition", "partition-pairs",
                                           "position", "local",     "constrained"};
    if (o.loss == FSEG_PRETRAIN_REGRESSION)
        *out << "regression" << (o.no_skips ? "-no-skips" : "")
             << (o.corrupted_only ? "" : "-all-pixels");
    else if (o.loss == FSEG_PRETRAIN_BOTH)
        *out << "both";
    else
        *out << variants[o.variant] << (o.set_wise ? "-set-wise" : "")
             << (o.flatten_head ? "-flat" : "");
}
