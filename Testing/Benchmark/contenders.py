"""Everything that `peers.py` times: one callable per runtime, all with the same weights and input.

Every contender is built for two threads and one shape. `forward()` returns logits
[batch, classes, height, width] as a float32 array, conversions from and to plain NumPy included.
"""
import os
import sys

import numpy as np
import onnxruntime
import openvino
import torch

SOURCE = os.environ["FRUGALSEG_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "Testing", "Compute", "parity"))
import frugalseg_library as fs  # noqa: E402
from torch_unet import UNet, training_loss  # noqa: E402

THREADS = int(os.environ.get("FRUGALSEG_BENCH_THREADS", "2"))
torch.set_num_threads(THREADS)
fs.library.fseg_session_memory.restype = fs.c.c_size_t
fs.library.fseg_model_config.restype = fs.c.POINTER(fs.UnetConfig)


class LoadedModel(fs.Model):
    """A model of ours from a file."""

    def __init__(self, path):
        self.handle, error = fs.c.c_void_p(), fs.Error()
        fs.check(fs.library.fseg_model_load(str(path).encode(), fs.c.byref(self.handle),
                                            fs.c.byref(error)), error)
        self.config = fs.library.fseg_model_config(self.handle).contents


def torch_twin(model):
    cfg = model.config
    net = UNet(cfg.in_channels, cfg.classes, tuple(cfg.widths[:cfg.levels]), cfg.group_size,
               cfg.norm_epsilon)
    net.load_state_dict({k: torch.tensor(np.array(v)) for k, v in model.tensors.items()})
    return net.to(memory_format=torch.channels_last)


# ---- inference ---------------------------------------------------------------------------------

class Ours:
    def __init__(self, model, isa, shape):
        self.context = fs.Context(isa, THREADS)
        self.model = model
        batch, _, height, width = shape
        self.handle, error = fs.c.c_void_p(), fs.Error()
        fs.check(fs.library.fseg_session_create(self.context.handle, model.handle, batch, height,
                                                width, fs.c.byref(self.handle),
                                                fs.c.byref(error)), error)
        self.logits = np.empty((batch, model.config.classes, height, width), np.float32)

    def forward(self, images):
        error = fs.Error()
        fs.check(fs.library.fseg_session_logits(
            self.handle, fs.pointer(images), fs.c.c_size_t(len(images)), fs.pointer(self.logits),
            None, fs.c.byref(error)), error)
        return self.logits

    def __del__(self):
        fs.library.fseg_session_free(self.handle)


class OnnxRuntime:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        # A spinning pool would burn the cores while another contender has its turn.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def forward(self, images):
        return self.session.run(["logits"], {"image": images})[0]


class OpenVino:
    def __init__(self, path, shape, precision):
        core = openvino.Core()
        network = core.read_model(path)
        network.reshape({"image": openvino.PartialShape(list(shape))})
        self.compiled = core.compile_model(network, "CPU", {
            "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": 1})
        self.precision = str(self.compiled.get_property("INFERENCE_PRECISION_HINT"))
        self.request = self.compiled.create_infer_request()
        # What it really runs: "jit_avx512_FP32", "brgconv_avx2_FP32", ...
        self.primitives = sorted({
            str(node.rt_info["primitiveType"].astype(str))
            for node in self.compiled.get_runtime_model().get_ops()
            if "primitiveType" in node.rt_info
            and node.rt_info["layerType"].astype(str) == "Convolution"})

    def forward(self, images):
        result = self.request.infer({0: images}, share_inputs=True, share_outputs=True)
        return result[0]


class Torch:
    def __init__(self, model, bf16):
        self.net, self.bf16 = torch_twin(model).eval(), bf16

    def forward(self, images):
        x = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return self.net(x).float().contiguous().numpy()


# ---- training ----------------------------------------------------------------------------------

class OursTraining:
    def __init__(self, model_path, isa, shape, bf16=False):
        batch, _, height, width = shape
        self.context = fs.Context(isa, THREADS)
        self.model = LoadedModel(model_path)
        options = fs.library.fseg_trainer_default_options(batch, height, width, 1000)
        options.precision = int(bf16)
        self.trainer = fs.Trainer(self.context, self.model, options)

    def step(self, images, labels):
        return self.trainer.step(images, labels)


class TorchTraining:
    """Cross-entropy and Dice, Adam (fused), gradient norm cut off as ours is."""

    def __init__(self, model, bf16):
        self.net, self.bf16 = torch_twin(model).train(), bf16
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=True)

    def step(self, images, labels):
        x = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
        y = torch.from_numpy(labels)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits = self.net(x)
        loss = training_loss(logits.float(), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 12.0)
        self.optimizer.step()
        return loss.item()


def versions():
    return {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__,
            "openvino": openvino.__version__.split("-")[0], "numpy": np.__version__,
            "torch_capability": torch.backends.cpu.get_cpu_capability()}
