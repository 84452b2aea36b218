"""The network: one token per feature, a pre-norm transformer over the tokens, a head on their mean and on a few
numbers of each token.

Numerical features are tokens as in the FT-Transformer (Gorishniy et al. 2021); in the first TabTransformer
(Huang et al. 2020) only categorical features are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise, dropout
from loan_default_assets.model.encoding import EncodedRows, Encoding


class Tokenizer(nn.Module):
    """B encoded rows -> (B, T, D) tokens, numerical features first.

    The vectors of codes 0 and 1 and of missing numerical values start at zero: until training meets one, such a cell
    yields its column's own vector, which is the same for every loan.

    Args:
        encoding: Columns, cardinalities and bin edges.
        config: Width and number of bins.

    Examples:
        >>> from loan_default_assets.model.rows import Rows
        >>> import numpy as np
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> encoding = Encoding.fit(loans, (4, 4), ModelConfig())
        >>> tokenizer = Tokenizer(encoding, ModelConfig(d_model=32))
        >>> tokenizer(encoding.transform(loans.numerical, loans.categorical)).shape
        torch.Size([6, 5, 32])
    """

    edges: Tensor
    offset: Tensor

    def __init__(self, encoding: Encoding, config: ModelConfig) -> None:
        super().__init__()
        n_num, n_cat, d = len(encoding.knots), len(encoding.cardinalities), config.d_model
        bound = d**-0.5

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.weight, self.bias, self.mask_num = (drawn(n_num, d) for _ in range(3))
        self.missing = nn.Parameter(torch.zeros(n_num, d))
        self.column, self.mask_cat = drawn(n_cat, d), drawn(n_cat, d)
        self.table = drawn(sum(encoding.cardinalities), d)
        self.bins = drawn(n_num, config.bins, d) if config.bins else None
        sizes = torch.tensor([0, *encoding.cardinalities])
        self.register_buffer("offset", sizes.cumsum(0)[:-1], persistent=False)
        self.register_buffer("edges", torch.from_numpy(encoding.edges), persistent=False)
        with torch.no_grad():
            for start in self.offset.tolist():
                self.table[start : start + 2] = 0

    def forward(self, rows: EncodedRows) -> Tensor:
        present = rows.numerical.nan_to_num(0.0)
        numerical = torch.addcmul(self.bias, self.weight, present[..., None])
        if self.bins is not None:
            width = self.edges.diff(dim=1).clamp_min(1e-6)
            pieces = ((present[..., None] - self.edges[:, :-1]) / width).clamp(0, 1)
            numerical = numerical + torch.einsum("bnk,nkd->bnd", pieces, self.bins)
        absent = rows.numerical.isnan()
        if absent.any():
            numerical = torch.where(absent[..., None], self.bias + self.missing, numerical)
        categorical = F.embedding(rows.categorical + self.offset, self.table) + self.column
        return torch.cat([numerical, categorical], 1)

    def hide(self, tokens: Tensor, hidden: Tensor) -> Tensor:
        """Replace hidden cells by learned vectors, in V views of the same rows.

        Args:
            tokens: (B, T, D) tokens.
            hidden: (V, B, T) bool, True for a cell to hide.

        Returns:
            (V * B, T, D).

        Examples:
            >>> from loan_default_assets.model.rows import Rows
            >>> import numpy as np
            >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
            >>> tokenizer = Tokenizer(Encoding.fit(loans, (4, 4), ModelConfig()), ModelConfig())
            >>> tokenizer.hide(torch.zeros(6, 5, 32), torch.ones(2, 6, 5, dtype=torch.bool)).shape
            torch.Size([12, 5, 32])
        """
        masks = torch.cat([self.mask_num, self.mask_cat])
        return torch.where(hidden[..., None], masks, tokens).flatten(0, 1)


class TransformerLayer(nn.Module):
    """A pre-norm transformer layer, (B, T, D) -> (B, T, D).

    The same function as `nn.TransformerEncoderLayer(norm_first=True)`; docs/decisions/dropout-and-attention.md gives
    the measurement for writing it out.

    Args:
        config: Width, heads, feed-forward width, activation and dropout rates.

    Examples:
        >>> layer = TransformerLayer(ModelConfig(d_model=32))
        >>> layer(torch.zeros(6, 5, 32), None).shape
        torch.Size([6, 5, 32])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d = config.d_model
        self.config = config
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.linear1, self.linear2 = (
            nn.Linear(d, config.dim_feedforward),
            nn.Linear(config.dim_feedforward, d),
        )

    def forward(self, x: Tensor, noise: Noise | None) -> Tensor:
        """(B, T, D) -> (B, T, D), with dropout where `noise` is given."""
        config = self.config
        x = x + dropout(self.out(self._attend(self.norm1(x), noise)), config.dropout, noise)
        wide = self.linear1(self.norm2(x))
        wide = F.relu(wide) if config.activation == "relu" else F.gelu(wide)
        return x + dropout(self.linear2(dropout(wide, config.dropout, noise)), config.dropout, noise)

    def _attend(self, x: Tensor, noise: Noise | None) -> Tensor:
        b, t, d = x.shape
        heads, p = self.config.nhead, self.config.attention_dropout
        qkv = self.qkv(x).view(b, t, 3, heads, d // heads)
        if x.device.type != "cpu":
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=0.0 if noise is None else p)
            return mixed.transpose(1, 2).reshape(b, t, d)
        # With few narrow tokens plain batched products are faster than the fused CPU kernel, which has no dropout.
        q, k, v = qkv.permute(2, 0, 3, 1, 4).contiguous().flatten(1, 2)
        scores = torch.baddbmm(q.new_empty(()), q, k.transpose(1, 2), beta=0, alpha=(d // heads) ** -0.5)
        mixed = torch.bmm(dropout(scores.softmax(-1), p, noise), v)
        return mixed.view(b, heads, t, d // heads).transpose(1, 2).reshape(b, t, d)


class TabTransformer(nn.Module):
    """B encoded rows -> (B, W): the mean of the contextual tokens, and `token_width` numbers of each token.

    The TabTransformer paper concatenates the whole tokens; with few defaults and many columns that overfits, so each
    token passes a map of its own to fewer numbers.

    Args:
        encoding: Columns, cardinalities and bin edges.
        config: Shape and dropout rates.

    Examples:
        >>> from loan_default_assets.model.rows import Rows
        >>> import numpy as np
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> encoding = Encoding.fit(loans, (4, 4), ModelConfig())
        >>> TabTransformer(encoding, ModelConfig())(encoding.transform(loans.numerical, loans.categorical)).shape
        torch.Size([6, 72])
    """

    def __init__(self, encoding: Encoding, config: ModelConfig) -> None:
        super().__init__()
        self.tokenizer = Tokenizer(encoding, config)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.d_model)
        d, tokens = config.d_model, len(encoding.knots) + len(encoding.cardinalities)
        bound = d**-0.5
        self.narrow = (
            nn.Parameter(torch.empty(tokens, d, config.token_width).uniform_(-bound, bound))
            if config.token_width
            else None
        )
        self.width = d + tokens * config.token_width

    def forward(self, rows: EncodedRows, noise: Noise | None = None) -> Tensor:
        return self.pool(self.tokenizer(rows), noise)

    def pool(self, tokens: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, T, D) tokens -> (B, W), W = `self.width`.

        Examples:
            >>> from loan_default_assets.model.rows import Rows
            >>> import numpy as np
            >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
            >>> encoder = TabTransformer(Encoding.fit(loans, (4, 4), ModelConfig()), ModelConfig())
            >>> encoder.pool(torch.zeros(6, 5, 32)).shape
            torch.Size([6, 72])
        """
        return self.summarize(self.contextual(tokens, noise))

    def contextual(self, tokens: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, T, D) tokens -> (B, T, D) tokens that know of each other."""
        for layer in self.layers:
            tokens = layer(tokens, noise)
        # The norm scales each token by itself, so it cannot be taken after the mean.
        normed: Tensor = self.norm(tokens)
        return normed

    def summarize(self, contextual: Tensor) -> Tensor:
        """(B, T, D) contextual tokens -> (B, W)."""
        if self.narrow is None:
            return contextual.mean(1)
        narrowed = torch.bmm(contextual.transpose(0, 1), self.narrow).transpose(0, 1)
        return torch.cat([contextual.mean(1), narrowed.flatten(1)], 1)


class Classifier(nn.Module):
    """B encoded rows -> (B,) log-odds of default, before calibration.

    Args:
        encoding: Columns, cardinalities and bin edges.
        config: Shape and dropout rates.

    Examples:
        >>> from loan_default_assets.model.rows import Rows
        >>> import numpy as np
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> encoding = Encoding.fit(loans, (4, 4), ModelConfig())
        >>> classifier = Classifier(encoding, ModelConfig())
        >>> classifier(encoding.transform(loans.numerical, loans.categorical)).shape
        torch.Size([6])
        >>> classifier.classify(torch.zeros(6, 72)).shape
        torch.Size([6])
    """

    def __init__(self, encoding: Encoding, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = TabTransformer(encoding, config)
        self.head = head(self.encoder.width, config.head_hidden, 1)
        self.head_dropout = config.head_dropout

    def forward(self, rows: EncodedRows, noise: Noise | None = None) -> Tensor:
        return self.classify(self.encoder(rows, noise), noise)

    def classify(self, pooled: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, W) output of the encoder -> (B,) log-odds, with dropout where `noise` is given."""
        widen, activation, narrow = self.head
        hidden = activation(widen(dropout(pooled, self.head_dropout, noise)))
        log_odds: Tensor = narrow(dropout(hidden, self.head_dropout, noise))
        return log_odds.squeeze(-1)


def head(width: int, hidden: int, out: int) -> nn.Sequential:
    """A perceptron with one hidden layer, (B, width) -> (B, out).

    Examples:
        >>> head(32, 128, 1)(torch.zeros(6, 32)).shape
        torch.Size([6, 1])
    """
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out))
