"""Times training steps of agar and of transformers with PEFT side by side, on one core.

    taskset -c 1 $AGAR_ORACLES/bin/python model/train/testdata/speed.py MODEL [--rounds 5] [--layers 20 0] [--learnt all half]

A step is forward, backward, clipping and AdamW of a rank-1 adapter on one down_proj, in float32, of 16 sequences of 128 tokens of
which all, or the second halves, are learnt. The two take turns, a step each, in the same process tree; printed are medians, lowest
and highest of the seconds on the processor (user and system), the ratio, the peak memory of each process, and the largest relative
difference of the losses, which start from the same adapter and see the same data. agar goes through the data twice: the second time
what enters the trained block is kept.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

if "OPENBLAS_CORETYPE" in os.environ or os.environ.get("OMP_NUM_THREADS") != "1":
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.argv])
os.environ["GOMAXPROCS"] = "1"
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

BATCH, LENGTH = 16, 128
HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--layers", type=int, nargs="+", default=[20, 0])
    p.add_argument("--learnt", nargs="+", default=["all", "half"], choices=["all", "half"])
    return p.parse_args()


def examples(n, vocab, learnt):
    g = torch.Generator().manual_seed(7)
    ids = torch.randint(0, vocab, (n, LENGTH), generator=g)
    first = 0 if learnt == "all" else LENGTH // 2 - 1
    return [{"IDs": row.tolist(), "Targets": list(range(first, LENGTH - 1))} for row in ids]


class Torch:
    """Steps of transformers with PEFT."""

    def __init__(self, path, layer, lr):
        m = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        self.m = get_peft_model(m, LoraConfig(r=1, lora_alpha=64, target_modules=["down_proj"], layers_to_transform=[layer], task_type="CAUSAL_LM"))
        self.m.train()
        self.ps = [p for p in self.m.parameters() if p.requires_grad]
        self.opt = torch.optim.AdamW(self.ps, lr=lr, weight_decay=0.01)

    def step(self, batch):
        ids = torch.tensor([e["IDs"] for e in batch])
        labels = torch.full_like(ids, -100)
        for i, e in enumerate(batch):
            labels[i, e["Targets"][0] + 1:] = ids[i, e["Targets"][0] + 1:]
        t = time.process_time()
        loss = self.m(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.ps, 1.0)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        return time.process_time() - t, float(loss)


class Agar:
    """Steps of agar, in a process that waits for a line before each."""

    def __init__(self, binary, model, layer, data, lr, steps, folder):
        job = {"examples": data, "init": os.path.join(folder, "init"), "config": {"method": "lora", "rank": 1, "alpha": 64, "modules": ["down_proj"], "layers": [layer], "lr": lr,
               "schedule": "constant", "weight_decay": 0.01, "batch": BATCH, "steps": steps, "in_order": True, "seed": 1}}
        path = os.path.join(folder, "job.json")
        with open(path, "w") as f:
            json.dump(job, f)
        self.p = subprocess.Popen([binary, model, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())


def show(name, xs):
    return f"{name} {statistics.median(xs):.2f} s ({min(xs):.2f} to {max(xs):.2f})"


def compare(a, binary, folder, layer, learnt):
    t = Torch(a.model, layer, 1e-4)
    rounds = a.rounds + 1 # the first of each epoch warms up
    t.m.save_pretrained(os.path.join(folder, "init"))
    data = examples(rounds * BATCH, t.m.config.vocab_size, learnt)
    g = Agar(binary, a.model, layer, data, 1e-4, 2 * rounds, folder)
    cpu, losses, peak = {}, [], 0
    for k in range(2 * rounds):
        at = k % rounds
        ts, tl = t.step(data[at * BATCH:(at + 1) * BATCH])
        r = g.step()
        peak = r["peak_kib"]
        losses.append(abs(r["loss"] / tl - 1))
        if at:
            cpu.setdefault("torch", []).append(ts)
            cpu.setdefault("first epoch" if k < rounds else "later epochs", []).append(r["cpu"])
    g.p.wait()
    ref = statistics.median(cpu["torch"])
    print(f"layer {layer}, {learnt} learnt: {show('torch', cpu['torch'])}")
    for name in ("first epoch", "later epochs"):
        print(f"  agar, {show(name, cpu[name])}: {statistics.median(cpu[name]) / ref:.3f} of torch")
    print(f"  peak memory: torch {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, agar {peak / 1024:.0f} MiB; losses within {max(losses):.1e}", flush=True)


def main():
    a = parse()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "speed")
        subprocess.run(["go", "build", "-o", binary, "./model/train/testdata/speed"], check=True, cwd=os.path.join(HERE, "..", "..", ".."), env={**os.environ, "CGO_ENABLED": "0", "GOMAXPROCS": "2"})
        for learnt in a.learnt:
            for layer in a.layers:
                compare(a, binary, folder, layer, learnt)


if __name__ == "__main__":
    main()
