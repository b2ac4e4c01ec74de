"""Losses as autograd functions. Skipped where PyTorch is not installed."""

from __future__ import annotations

import numpy as np
import pytest

import lacuna

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the autograd functions are not tested")

import lacuna.torch as lt  # noqa: E402
from lacuna import _losses, losses  # noqa: E402
from test_losses import B, C, keywords, labels, listed, logits, of_call  # noqa: E402

#: Losses whose gradient is the derivative of their value; that of ASL, for instance, holds weights constant.
TEN = ["hill", "focal_margin", "an", "an_ls", "wan", "epr", "focal", "splc", "bce", "iu"]


def test_every_row_has_a_function():
    assert set(losses.names()) <= set(lt.__all__)
    assert _losses.ROWS["hill"]["formula"] in lt.hill.__doc__


@pytest.mark.parametrize("name", losses.names())
def test_values_and_gradients_are_those_of_the_functions_on_arrays(name):
    z = logits(name)
    tensors = [torch.tensor(part, requires_grad=True) for part in listed(z)]
    given = tensors if len(tensors) > 1 else tensors[0]
    found = getattr(lt, name)(given, torch.tensor(labels()), **keywords(name), **of_call(name))
    (3 * found).backward()
    value, gradient = getattr(losses, name)(z, labels(), **keywords(name), **of_call(name))
    assert found.item() == pytest.approx(value) and found.shape == ()
    for tensor, expected in zip(tensors, listed(gradient), strict=True):
        np.testing.assert_allclose(tensor.grad.numpy(), 3 * expected, rtol=1e-6)


@pytest.mark.parametrize("name", TEN)
def test_gradients_are_those_of_differences_of_the_formula_in_64_bits(name):
    """As torch.autograd.gradcheck does, with the formula in 64 bits in place of the 32-bit kernel."""
    z = logits(name).astype(np.float64)
    oracle = losses.Loss(name, classes=C, **keywords(name))
    numeric = np.zeros_like(z)
    h = 1e-5
    for place in np.ndindex(z.shape):
        ends = []
        for sign in (1, -1):
            moved = z.copy()
            moved[place] += sign * h
            ends.append(oracle.reference(moved, labels(), **of_call(name))[0])
        numeric[place] = (ends[0] - ends[1]) / (2 * h)
    tensor = torch.tensor(z, requires_grad=True)
    getattr(lt, name)(tensor, torch.tensor(labels()), **keywords(name), **of_call(name)).backward()
    assert tensor.grad.dtype == torch.float64
    np.testing.assert_allclose(tensor.grad.numpy(), numeric, rtol=1e-3, atol=1e-4 * np.abs(numeric).max())


def test_types_layouts_and_unneeded_gradients():
    z = logits("hill")
    expected = losses.hill(z, labels())[0]
    for tensor in (torch.tensor(z).double(), torch.tensor(z.T.copy()).T, torch.tensor(z).bfloat16().float() * 0 + torch.tensor(z)):
        found = lt.hill(tensor, labels())
        assert found.item() == pytest.approx(expected) and found.dtype == tensor.dtype and not found.requires_grad
    half = torch.tensor(z).bfloat16().requires_grad_()
    lt.hill(half, torch.tensor(labels()).bfloat16()).backward()
    assert half.grad.dtype == torch.bfloat16
    with torch.no_grad():
        assert not lt.hill(torch.tensor(z, requires_grad=True), labels()).requires_grad


def test_a_second_derivative_is_refused():
    z = torch.tensor(logits("hill"), requires_grad=True)
    [slope] = torch.autograd.grad(lt.hill(z, labels()), z, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad|once_differentiable"):
        slope.sum().backward()


def test_errors_are_those_of_the_library():
    z = torch.tensor(logits("hill"), requires_grad=True)
    with pytest.raises(lacuna.DataError, match="did you mean `gamma`"):
        lt.hill(z, labels(), gama=1)
    with pytest.raises(lacuna.DataError, match="row 0, class 0"):
        lt.hill(z * float("nan"), labels())
    with pytest.raises(lacuna.DataError, match="is -1"):
        lt.hill(z, torch.where(torch.tensor(labels()).isnan(), -1.0, torch.tensor(labels())))


def test_a_module_keeps_its_state():
    name = next(n for n in losses.names() if losses.Loss(n, classes=C, **keywords(n)).state_dict() and "branches" not in _losses.ROWS[n]["takes"])
    module = lt.Loss(name, classes=C, **keywords(name))
    given = [torch.tensor(part, requires_grad=True) for part in listed(logits(name))]
    module.begin_epoch(0)
    module(given if len(given) > 1 else given[0], labels(), **of_call(name)).backward()
    other = lt.Loss(name, classes=C, **keywords(name))
    other.load_state_dict(module.state_dict())
    assert other.loss.state_dict() == module.loss.state_dict()
    assert name.replace("_", "-") in repr(module)
    assert B == len(labels())


@pytest.mark.slow
def test_a_training_loop_with_splc_reaches_what_the_formula_of_its_authors_reaches(ucmerced):
    """The same loop of PyTorch, once with lacuna's loss and once with SPLC composed of operations of tensors: single positives."""
    data, test = lacuna.read(ucmerced), lacuna.read(ucmerced, part="test")
    seen = lacuna.masks.single_positive(data.labels)
    x = torch.nn.functional.normalize(torch.tensor(data.features))
    y = torch.tensor(np.nan_to_num(seen))

    def splc(z, y, *, epoch: int):
        """Tau 0.6, change_epoch 1, margin 1, gamma 2: the defaults of the authors' code."""
        shifted = torch.where(y == 1, z - 1.0, z)
        p = torch.sigmoid(shifted)
        target = torch.where(p > 0.6, torch.ones_like(y), y) if epoch >= 1 else y
        weight = ((1 - p) * target + p * (1 - target)) ** 2
        log = torch.nn.functional.logsigmoid
        return -((target * log(shifted) + (1 - target) * log(-shifted)) * weight).sum()

    def trained(loss) -> float:
        torch.manual_seed(0)
        head = torch.nn.Linear(x.shape[1], y.shape[1])
        optimizer = torch.optim.Adam(head.parameters(), 1e-2)
        for epoch in range(25):
            for rows in torch.randperm(len(x), generator=torch.Generator().manual_seed(epoch)).split(32):
                optimizer.zero_grad()
                loss(head(x[rows]), y[rows], epoch=epoch).backward()
                optimizer.step()
        with torch.no_grad():
            z = head(torch.nn.functional.normalize(torch.tensor(test.features))).numpy()
        return float(lacuna.metrics.average_precision_score(test.labels, z))

    ours = trained(lambda z, y, epoch: lt.splc(z, torch.where(y == 1, 1.0, torch.nan), epoch=epoch))
    theirs = trained(splc)
    print(f"\nmAP with lacuna.torch.splc {100 * ours:.2f}, with the authors' formula in tensors {100 * theirs:.2f}")
    assert ours > 0.8 and abs(ours - theirs) < 0.002
