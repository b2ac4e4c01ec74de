"""PyTorch at the work of `benches/examples/ours.rs`, on numbers of the same pattern. `run.py` alternates the two.

    pip install torch numpy
    python benches/peers/pytorch.py                        # every row
    python benches/peers/pytorch.py cnn/16 loss --threads 2 --seconds 1

Steps are measured with both Adams: as `torch.optim.Adam` is called without options, and with `fused=True`. Losses that PyTorch
does not have are composed from operations of tensors, as people write them.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from common import INPUT, PARAMETERS, Rows, pattern, positives

FEATURES, HIDDEN, CLASSES, PICTURE_CLASSES = 2048, 512, 80, 20
BATCHES = 16, 128, 1024


def tensor(shape, salt):
    return torch.from_numpy(pattern(int(np.prod(shape)), salt)).reshape(shape)


def labels(rows, share=0.04):
    return torch.from_numpy(positives(rows * CLASSES, share).astype(np.float32)).reshape(rows, CLASSES)


def network(name):
    """With the same numbers as parameters as ours; our weights of a linear layer have a row for each input."""
    if name == "linear":
        net = nn.Sequential(nn.Linear(FEATURES, CLASSES))
    elif name == "mlp":
        net = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    else:
        net = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 8 * 8, PICTURE_CLASSES),
        )
    with torch.no_grad():
        for salt, p in enumerate(net.parameters(), PARAMETERS):
            p.copy_(0.1 * (tensor(p.T.shape, salt).T if p.dim() == 2 else tensor(p.shape, salt)))
    return net


def step(name, batch, fused):
    net = network(name)
    adam = torch.optim.Adam(net.parameters(), fused=True) if fused else torch.optim.Adam(net.parameters())
    if name == "cnn":
        x, y, loss_of = tensor((batch, 3, 32, 32), INPUT), torch.arange(batch) * 7 % PICTURE_CLASSES, F.cross_entropy
    else:
        x, y, loss_of = tensor((batch, FEATURES), INPUT), labels(batch), F.binary_cross_entropy_with_logits

    def once():
        adam.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        adam.step()
        return loss

    first = []

    def work():
        if not first:
            for _ in range(1 if batch > 128 else 5):
                once()
            first.append(once().item())
        else:
            once()
        return first

    return work


def value_and_gradient(loss_of):
    z = (8 * tensor((1024, CLASSES), INPUT) - 2).requires_grad_()
    y = labels(1024)
    size = []

    def work():
        z.grad = None
        loss = loss_of(z, y)
        loss.backward()
        if not size:
            size.append(z.grad.abs().sum(dtype=torch.float64).item())
        return [loss.item()] + size

    return work


def focal(z, y, gamma=2.0):
    """Lin et al., ICCV 2017; the weight is differentiated."""
    p = torch.sigmoid(z)
    return (y * (1 - p) ** gamma * -F.logsigmoid(z) + (1 - y) * p**gamma * -F.logsigmoid(-z)).sum()


def asl(z, y, positive=1.0, negative=4.0, clip=0.05, eps=1e-8):
    """Asymmetric loss, Ridnik et al., ICCV 2021; the weights are constants of the derivative."""
    p = torch.sigmoid(z)
    n = (1 - p + clip).clamp(max=1)
    logs = y * torch.log(p.clamp(min=eps)) + (1 - y) * torch.log(n.clamp(min=eps))
    with torch.no_grad():
        weight = torch.pow(1 - p * y - n * (1 - y), positive * y + negative * (1 - y))
    return -(logs * weight).sum()


def hill(z, y, lamb=1.5, margin=1.0, gamma=2.0):
    """Hill loss, arXiv 2112.07368, section 3.2."""
    p = torch.sigmoid(z)
    shifted = torch.sigmoid(z - margin)
    positive = -((1 - shifted) ** gamma) * torch.log(shifted)
    return (y * positive + (1 - y) * (lamb - p) * p**2).sum()


def splc(z, y, tau=0.6, margin=1.0, gamma=2.0):
    """Self-paced loss correction, arXiv 2112.07368, section 3.4, after its first epoch."""
    s = torch.where(y == 1, z - margin, z)
    p = torch.sigmoid(s)
    t = torch.where(p > tau, torch.ones_like(y), y)
    # The margin can push a labelled positive below tau; it stays a positive.
    return -(t * (1 - p) ** gamma * F.logsigmoid(s) + (1 - t) * p**gamma * F.logsigmoid(-s)).sum()


LOSSES = {"bce": F.binary_cross_entropy_with_logits, "focal": focal, "asl": asl, "hill": hill, "splc": splc}


def run(loader, rows=3_000, epochs=10, batch=16):
    """A whole run of a linear head on fixed features, all labels that are not positive taken for negatives."""
    x, y = tensor((rows, FEATURES), INPUT), labels(rows)

    def work():
        net = nn.Linear(FEATURES, CLASSES)
        adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=not loader)

        def learn(x, y):
            adam.zero_grad()
            loss = F.binary_cross_entropy_with_logits(net(x), y)
            loss.backward()
            adam.step()
            return loss.item()

        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=batch, shuffle=True)
        for _ in range(epochs):
            if loader:
                losses = [learn(*pair) for pair in data]
            else:
                losses = [learn(x[rows], y[rows]) for rows in torch.randperm(rows).split(batch)]
        return [sum(losses) / len(losses)]

    return work


def function(f):
    x = 10 * (tensor((32 * 1024,), INPUT) + 0.5) + 0.01
    out = torch.empty_like(x)
    return sized(out, lambda: f(x, out=out))


def product(m, k, n, transposed):
    a, b = tensor((k, m), INPUT).T if transposed else tensor((m, k), INPUT), tensor((k, n), INPUT + 1)
    out = torch.empty(m, n)
    return sized(out, lambda: torch.mm(a, b, out=out))


def sized(out, work):
    """`work`, and once the sum of absolute values of what it wrote."""
    size = []

    def sizing():
        work()
        if not size:
            size.append(out.abs().sum(dtype=torch.float64).item())
        return size

    return sizing


PRODUCTS = {
    "forward-16": (16, FEATURES, CLASSES, False),
    "forward-64": (64, FEATURES, CLASSES, False),
    "forward-256": (256, FEATURES, CLASSES, False),
    "weight-16": (FEATURES, 16, CLASSES, True),
    "weight-64": (FEATURES, 64, CLASSES, True),
    "weight-1024": (FEATURES, 1024, CLASSES, True),
    "square-512": (512, 512, 512, False),
    "square-1024": (1024, 1024, 1024, False),
}


def main():
    rows = Rows(__doc__)
    torch.set_num_threads(rows.args.threads)
    torch.manual_seed(0)
    for name in "linear", "mlp", "cnn":
        for batch in BATCHES:
            rows.row("pytorch-adam", f"{name}/{batch}", lambda: step(name, batch, False))
            rows.row("pytorch-fused", f"{name}/{batch}", lambda: step(name, batch, True))
    for name, loss in LOSSES.items():
        rows.row("pytorch", f"loss/{name}", lambda: value_and_gradient(loss))
    rows.row("pytorch-loader", "run/an", lambda: run(True))
    rows.row("pytorch-indexed", "run/an", lambda: run(False))
    for name, f in {"exp": torch.exp, "ln": torch.log, "sigmoid": torch.sigmoid, "tanh": torch.tanh}.items():
        rows.row("pytorch", f"map/{name}", lambda: function(f))
    for name, size in PRODUCTS.items():
        rows.row("pytorch", f"product/{name}", lambda: product(*size))


if __name__ == "__main__":
    main()
