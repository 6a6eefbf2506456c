"""Weighted means over neighbours as sparse matrix products: a tenth of the time of gathering and scattering edge by edge."""

from typing import Any, cast

import numpy as np
import torch
from scipy import sparse

__all__ = ["Spread", "spread_of"]


class Spread:
    """A fixed sparse matrix (destinations x sources) and its transpose, which the gradient needs: made once, not in each step."""

    def __init__(self, matrix: sparse.csr_array, device: torch.device) -> None:
        self.matrix = _tensor(matrix, device)
        self.transposed = _tensor(matrix.T.tocsr(), device)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the matrix times `rows` (sources x columns)."""
        return cast("torch.Tensor", _Product.apply(rows, self.matrix, self.transposed))


def spread_of(
    destination: np.ndarray, source: np.ndarray, weight: np.ndarray, shape: tuple[int, int], device: torch.device
) -> Spread:
    """Return the weighted mean over each destination's sources; a destination without any gets zeros."""
    matrix = sparse.csr_array((weight.astype(np.float32), (destination, source)), shape=shape)
    total = np.asarray(matrix.sum(axis=1)).reshape(-1)
    matrix.data = matrix.data / np.repeat(total, np.diff(matrix.indptr)).astype(np.float32)
    return Spread(matrix, device)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, matrix: torch.Tensor, transposed: torch.Tensor) -> torch.Tensor:
        ctx.transposed = transposed
        return torch.sparse.mm(matrix, rows)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:  # type: ignore[override]  # fixed arity
        return torch.sparse.mm(ctx.transposed, gradient.contiguous()), None, None


def _tensor(matrix: sparse.csr_array, device: torch.device) -> torch.Tensor:
    matrix.sort_indices()
    parts = (torch.from_numpy(matrix.indptr.astype(np.int64)), torch.from_numpy(matrix.indices.astype(np.int64)))
    return torch.sparse_csr_tensor(*parts, torch.from_numpy(matrix.data), size=matrix.shape, check_invariants=False).to(device)
