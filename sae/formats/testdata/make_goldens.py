"""Small dictionaries saved by sae-lens, with the features it computes.

    python make_goldens.py            (sae-lens 6.54.12, torch 2.15.0; rewrites the folders beside itself)

One folder an architecture, every parameter drawn at random; inputs, features and reconstructions of all in expected.safetensors.
batchtopk is a training checkpoint whose decoder rows are no unit vectors; its expected features are those of the jumprelu
dictionary that sae-lens makes of it.
"""

import pathlib
import shutil

import torch
from safetensors.torch import save_file
from sae_lens import SAE
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig

HERE = pathlib.Path(__file__).parent
D, F, N = 6, 20, 9
torch.manual_seed(3)
x = torch.randn(N, D) + 0.3
out = {"x": x}


def meta():
    return SAEMetadata(model_name="toy", hook_name="blocks.1.hook_resid_post", context_size=16, prepend_bos=True)


def redraw(sae):
    with torch.no_grad():
        for name, p in sae.named_parameters():
            p.copy_(torch.rand_like(p) * 0.4 if name == "threshold" else torch.randn_like(p) * 0.7)


cases = {
    "standard": StandardSAE(StandardSAEConfig(d_in=D, d_sae=F, apply_b_dec_to_input=False, metadata=meta())),
    "topk": TopKSAE(TopKSAEConfig(d_in=D, d_sae=F, k=4, metadata=meta())),
    "topk_rescaled": TopKSAE(TopKSAEConfig(d_in=D, d_sae=F, k=4, rescale_acts_by_decoder_norm=True, metadata=meta())),
    "jumprelu": JumpReLUSAE(JumpReLUSAEConfig(d_in=D, d_sae=F, metadata=meta())),
    "batchtopk": BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=D, d_sae=F, k=3, metadata=meta())),
}
for name, sae in cases.items():
    redraw(sae)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    if name == "batchtopk":
        sae.topk_threshold.fill_(0.35)
        tmp = HERE / "tmp"
        sae.save_inference_model(tmp)
        judge = SAE.load_from_disk(tmp)
        shutil.rmtree(tmp)
    else:
        judge = sae
    sae.save_model(folder)
    (folder / "sae_weights.safetensors").chmod(0o644)
    with torch.no_grad():
        acts = judge.encode(x)
        acts = acts.to_dense() if acts.is_sparse else acts
        out[f"{name}.acts"], out[f"{name}.recon"] = acts.contiguous(), judge.decode(judge.encode(x)).contiguous()
    print(name, "l0", (acts != 0).float().sum(-1).mean().item())
save_file(out, HERE / "expected.safetensors")
(HERE / "expected.safetensors").chmod(0o644)
