"""ctypes view of the compute library, for tests that compare it with an independent judge.

FRUGALSEG_COMPUTE_LIBRARY names the shared test library that the build makes.
"""
import ctypes as c
import os

import numpy as np

MAX_LEVELS, NAME_LENGTH = 8, 64


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("message", c.c_char * 512)]


class ContextOptions(c.Structure):
    _fields_ = [("threads", c.c_int), ("isa", c.c_int)]


class UnetConfig(c.Structure):
    _fields_ = [("in_channels", c.c_int), ("classes", c.c_int), ("levels", c.c_int),
                ("widths", c.c_int * MAX_LEVELS), ("group_size", c.c_int),
                ("norm_epsilon", c.c_float)]


class Tensor(c.Structure):
    _fields_ = [("name", c.c_char * NAME_LENGTH), ("rank", c.c_int), ("shape", c.c_size_t * 4),
                ("count", c.c_size_t), ("data", c.POINTER(c.c_float))]


class LossOptions(c.Structure):
    _fields_ = [("dice_weight", c.c_double), ("cross_entropy_weight", c.c_double),
                ("tversky_weight", c.c_double), ("tversky_alpha", c.c_double),
                ("tversky_beta", c.c_double), ("smooth", c.c_double),
                ("include_background", c.c_int)]


class TrainerOptions(c.Structure):
    _fields_ = [("batch", c.c_int), ("height", c.c_int), ("width", c.c_int), ("loss", LossOptions),
                ("learning_rate", c.c_double), ("learning_rate_final", c.c_double),
                ("beta1", c.c_double), ("beta2", c.c_double), ("epsilon", c.c_double),
                ("weight_decay", c.c_double), ("gradient_clip", c.c_double), ("steps", c.c_int),
                ("warmup_steps", c.c_int), ("encoder_rate_factor", c.c_double),
                ("freeze_encoder", c.c_int), ("average_decay", c.c_double),
                ("deep_supervision", c.c_double), ("precision", c.c_int),
                ("direct_convolution", c.c_int)]


ISAS = {"portable": 1, "avx2": 2, "avx512": 3}  # single precision
BFLOAT16 = {"avx512bf16": 4}

library = c.CDLL(os.environ["FRUGALSEG_COMPUTE_LIBRARY"])
library.fseg_unet_default_config.restype = UnetConfig
library.fseg_trainer_default_options.restype = TrainerOptions
library.fseg_loss_default_options.restype = LossOptions
library.fseg_model_config.restype = c.POINTER(UnetConfig)
library.fseg_model_tensor.restype = c.POINTER(Tensor)
library.fseg_model_tensor_count.restype = c.c_size_t
library.fseg_model_parameter_count.restype = c.c_size_t
library.fseg_trainer_gradient.restype = c.POINTER(c.c_float)
library.fseg_trainer_learning_rate.restype = c.c_double


def check(status, error):
    if status != 0:
        raise RuntimeError(f"status {status}: {error.message.decode()}")


def pointer(array):
    return array.ctypes.data_as(c.c_void_p)


class Context:
    def __init__(self, isa="portable", threads=2):
        self.handle, error = c.c_void_p(), Error()
        options = ContextOptions(threads, {**ISAS, **BFLOAT16}[isa])
        check(library.fseg_context_create(c.byref(options), c.byref(self.handle), c.byref(error)),
              error)

    def __del__(self):
        library.fseg_context_free(self.handle)


def available_isas():
    return [name for name, value in ISAS.items() if library.fseg_isa_available(value)]


class Model:
    def __init__(self, config, seed=1):
        self.config = config
        self.handle, error = c.c_void_p(), Error()
        check(library.fseg_model_create(c.byref(config), c.c_uint64(seed), c.byref(self.handle),
                                        c.byref(error)), error)

    def __del__(self):
        library.fseg_model_free(self.handle)

    @property
    def tensors(self):
        """Name -> array that shares memory with the model, in the model's order."""
        result = {}
        for i in range(library.fseg_model_tensor_count(self.handle)):
            t = library.fseg_model_tensor(self.handle, c.c_size_t(i)).contents
            result[t.name.decode()] = np.ctypeslib.as_array(t.data, shape=tuple(t.shape[:t.rank]))
        return result

    def save(self, path):
        error = Error()
        check(library.fseg_model_save(self.handle, str(path).encode(), c.byref(error)), error)

    def logits(self, context, images, batch=None):
        count, _, height, width = images.shape
        session, error = c.c_void_p(), Error()
        check(library.fseg_session_create(context.handle, self.handle, batch or count, height,
                                          width, c.byref(session), c.byref(error)), error)
        out = np.empty((count, self.config.classes, height, width), np.float32)
        status = library.fseg_session_logits(session, pointer(images), c.c_size_t(count),
                                             pointer(out), None, c.byref(error))
        library.fseg_session_free(session)
        check(status, error)
        return out


def load(path):
    """A model from its file."""
    model, error = Model.__new__(Model), Error()
    model.handle = c.c_void_p()
    check(library.fseg_model_load(str(path).encode(), c.byref(model.handle), c.byref(error)), error)
    model.config = library.fseg_model_config(model.handle).contents
    return model


class Trainer:
    def __init__(self, context, model, options):
        self.context, self.model = context, model
        self.handle, error = c.c_void_p(), Error()
        check(library.fseg_trainer_create(context.handle, model.handle, c.byref(options),
                                          c.byref(self.handle), c.byref(error)), error)

    def __del__(self):
        library.fseg_trainer_free(self.handle)

    def _call(self, function, images, labels):
        loss, error = c.c_double(), Error()
        check(function(self.handle, pointer(images), pointer(labels), c.byref(loss),
                       c.byref(error)), error)
        return loss.value

    def step(self, images, labels):
        return self._call(library.fseg_trainer_step, images, labels)

    def gradients(self, images, labels):
        """Loss, and name -> gradient (copied)."""
        loss = self._call(library.fseg_trainer_gradients, images, labels)
        result = {}
        for i, (name, tensor) in enumerate(self.model.tensors.items()):
            data = library.fseg_trainer_gradient(self.handle, c.c_size_t(i))
            result[name] = np.ctypeslib.as_array(data, shape=tensor.shape).copy()
        return loss, result
