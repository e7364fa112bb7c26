"""Makes a tiny Gemma 3 that sees images, as it is published from 4B on, and dumps what transformers computes of text alone with it.

    seeing.py --out DIR

DIR/gemma3-seeing/    a model directory, every parameter redrawn as families.py draws, and dump.safetensors in the format of model/parity
"""
import argparse, os, shutil, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import families  # sets the environment before torch is loaded
import torch
from reference import Dump
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

NAME = "gemma3-seeing"
VISION = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=4)


class Text(torch.nn.Module):
    """The whole model asked with text alone, its parts where those of a text model are."""

    def __init__(self, seeing):
        super().__init__()
        self.seeing, self.model, self.lm_head = seeing, seeing.model.language_model, seeing.lm_head
        self.config, self.name_or_path = seeing.config.text_config, NAME

    def get_input_embeddings(self):
        return self.seeing.get_input_embeddings()

    def get_output_embeddings(self):
        return self.lm_head

    def forward(self, input_ids, use_cache=False):
        return self.seeing(input_ids=input_ids, use_cache=use_cache)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    out = os.path.join(p.parse_args().out, NAME)
    torch.set_grad_enabled(False)
    arch, text = families.VARIANTS["gemma3"][:2]
    config = Gemma3Config(text_config=text, vision_config=VISION, mm_tokens_per_image=4)
    Gemma3ForConditionalGeneration(config).save_pretrained(out)
    families.redraw(os.path.join(out, "model.safetensors"), arch, {})
    shutil.copy(os.path.join(HERE, "..", "model", "testdata", "tied", "tokenizer.json"), out)
    seeing, info = Gemma3ForConditionalGeneration.from_pretrained(out, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info.values()), info
    m = Text(seeing).eval()
    d = Dump(m, NAME, out)
    d.case("short", families.token_ids("short", families.SHORT), families.SHORT_ROWS)
    d.case("long", families.token_ids("long", families.LONG), families.LONG_ROWS)
    families.greedy(d, m)
    d.save(os.path.join(out, "dump.safetensors"))
    print(NAME, len(d.tensors), "tensors", flush=True)


if __name__ == "__main__":
    main()
