"""Features that sae-lens computes with a saved dictionary.

    python features.py DIR            reads DIR/x.safetensors (x [n, d]), writes DIR/features.safetensors (acts [n, d_sae], recon [n, d])
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from sae_lens import SAE

folder = pathlib.Path(sys.argv[1])
x = load_file(folder / "x.safetensors")["x"]
sae = SAE.load_from_disk(folder)
with torch.no_grad():
    acts = sae.encode(x)
    save_file({"acts": acts.contiguous(), "recon": sae.decode(acts).contiguous()}, folder / "features.safetensors")
