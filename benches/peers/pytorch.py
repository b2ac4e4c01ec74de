"""PyTorch's times for what `cargo bench` measures here, on one thread of the same machine.

    pip install torch
    python benches/peers/pytorch.py            # everything
    python benches/peers/pytorch.py cnn hill   # rows whose name contains one of these words

Prints the median of repeated runs. Run it right before and after `cargo bench` and compare ratios: a shared machine
changes its speed from minute to minute.
"""

import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(0)


def median_seconds(work, least=1.0):
    work()
    times = []
    start = time.perf_counter()
    while time.perf_counter() - start < least or len(times) < 5:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def cnn_step():
    """Batch 64 of 3 x 32 x 32, conv 32, conv 64, linear 20, Adam: `cnn/step`."""
    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 20),
    )
    adam = torch.optim.Adam(net.parameters())
    x, y = torch.rand(64, 3, 32, 32), torch.arange(64) * 7 % 20

    def step():
        adam.zero_grad()
        F.cross_entropy(net(x), y).backward()
        adam.step()

    return step


def product(m, k, n):
    a, b = torch.rand(m, k), torch.rand(k, n)
    out = torch.empty(m, n)
    return lambda: torch.mm(a, b, out=out)


def function(f):
    x = torch.rand(32 * 1024) * 10
    out = torch.empty_like(x)
    return lambda: f(x, out=out)


def value_and_gradient(loss):
    z = torch.randn(1024, 80).requires_grad_()
    y = (torch.rand(1024, 80) < 0.04).float()

    def work():
        z.grad = None
        loss(z, y).backward()

    return work


def hill(z, y, lamb=1.5, margin=1.0, gamma=2.0):
    """Hill loss, arXiv 2112.07368, section 3.2, from its formula."""
    p = torch.sigmoid(z)
    shifted = torch.sigmoid(z - margin)
    positive = -((1 - shifted) ** gamma) * torch.log(shifted)
    negative = (lamb - p) * p**2
    return (y * positive + (1 - y) * negative).sum()


ROWS = {
    "cnn/step": (cnn_step, None),
    "gemm/forward 16x2048x80": (lambda: product(16, 2048, 80), 2 * 16 * 2048 * 80),
    "gemm/forward 64x2048x80": (lambda: product(64, 2048, 80), 2 * 64 * 2048 * 80),
    "gemm/forward 64x2048x312": (lambda: product(64, 2048, 312), 2 * 64 * 2048 * 312),
    "gemm/square 1024x1024x1024": (lambda: product(1024, 1024, 1024), 2 * 1024**3),
    "math/exp": (lambda: function(torch.exp), 32 * 1024),
    "math/sigmoid": (lambda: function(torch.sigmoid), 32 * 1024),
    "math/ln": (lambda: function(torch.log), 32 * 1024),
    "math/tanh": (lambda: function(torch.tanh), 32 * 1024),
    "losses/1024x80/bce": (lambda: value_and_gradient(F.binary_cross_entropy_with_logits), None),
    "losses/1024x80/hill": (lambda: value_and_gradient(hill), None),
}

if __name__ == "__main__":
    words = sys.argv[1:]
    for name, (make, count) in ROWS.items():
        if words and not any(word in name for word in words):
            continue
        seconds = median_seconds(make())
        rate = f"  {count / seconds * 1e-9:8.2f} G/s" if count else ""
        print(f"{name:<28} {seconds * 1e6:10.1f} us{rate}", flush=True)
