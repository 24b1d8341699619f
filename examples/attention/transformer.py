"""A transformer of one block for 8x8 digits, forward and backward in NumPy.

The eight rows of an image are the tokens. Arrays are ``[N, tokens, features]``, float64; weights
have the compiler's shape, ``[out, in]``.
"""

from collections.abc import Callable

import numpy as np

Params = dict[str, np.ndarray]
Backward = Callable[[np.ndarray], np.ndarray]

TOKENS, PIXELS, CLASSES = 8, 8, 10
FEATURES, HEADS, HIDDEN = 32, 2, 64
WIDTH = FEATURES // HEADS  # of a head

LAYERS = {
    "embedding": (FEATURES, PIXELS),
    **{f"{part}{head}": (WIDTH, FEATURES) for head in range(HEADS) for part in "qkv"},
    "heads": (FEATURES, FEATURES),
    "wide": (HIDDEN, FEATURES),
    "narrow": (FEATURES, HIDDEN),
    "logits": (CLASSES, FEATURES),
}


def initial_params(random: np.random.Generator) -> Params:
    params = {"positions": random.normal(scale=0.3, size=(TOKENS, FEATURES))}
    for name, shape in LAYERS.items():
        params[f"{name}.weights"] = random.normal(scale=shape[1] ** -0.5, size=shape)
        params[f"{name}.bias"] = np.zeros(shape[0])
    return params


class Pass:
    """One pass forward; ``values`` are all layers' outputs by name, and ``gradients`` what the pass
    back through ``back`` finds for each of the parameters."""

    def __init__(self, params: Params, x: np.ndarray):
        self.params = params
        self.values: dict[str, np.ndarray] = {}
        self.gradients: Params = {}
        self.logits, self.back = self._network(x)

    def _dense(self, name: str, x: np.ndarray) -> tuple[np.ndarray, Backward]:
        weights = self.params[f"{name}.weights"]
        self.values[name] = x @ weights.T + self.params[f"{name}.bias"]

        def back(dy: np.ndarray) -> np.ndarray:
            rows, columns = dy.reshape(-1, len(weights)), x.reshape(-1, weights.shape[1])
            self.gradients[f"{name}.weights"] = rows.T @ columns
            self.gradients[f"{name}.bias"] = rows.sum(axis=0)
            return dy @ weights

        return self.values[name], back

    def _head(self, head: int, x: np.ndarray) -> tuple[np.ndarray, Backward]:
        """Every token takes of the others' values by how its query suits their keys."""
        (q, back_q), (k, back_k), (v, back_v) = (self._dense(f"{p}{head}", x) for p in "qkv")
        scores = self.values[f"scores{head}"] = q @ k.swapaxes(1, 2)
        shares = softmax(scores)
        taken = self.values[f"taken{head}"] = shares @ v

        def back(dy: np.ndarray) -> np.ndarray:
            dshares = dy @ v.swapaxes(1, 2)
            dscores = shares * (dshares - (dshares * shares).sum(axis=-1, keepdims=True))
            dq, dk = dscores @ k, dscores.swapaxes(1, 2) @ q
            return back_q(dq) + back_k(dk) + back_v(shares.swapaxes(1, 2) @ dy)

        return taken, back

    def _network(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], None]]:
        values = self.values
        embedded, back_embedding = self._dense("embedding", x)
        tokens = values["tokens"] = embedded + self.params["positions"]
        heads = [self._head(head, tokens) for head in range(HEADS)]
        together = values["together"] = np.concatenate([taken for taken, _ in heads], axis=-1)
        attended, back_heads = self._dense("heads", together)
        middle = values["middle"] = tokens + attended
        wide, back_wide = self._dense("wide", middle)
        active = values["wide"] = np.maximum(wide, 0)
        narrow, back_narrow = self._dense("narrow", active)
        end = values["end"] = middle + narrow
        mean = values["mean"] = end.mean(axis=1)
        logits, back_logits = self._dense("logits", mean)

        def back(dy: np.ndarray) -> None:
            dend = np.repeat(back_logits(dy)[:, None] / TOKENS, TOKENS, axis=1)
            dmiddle = dend + back_wide(back_narrow(dend) * (active > 0))
            dtaken = np.split(back_heads(dmiddle), HEADS, axis=-1)
            own = sum(one(d) for (_, one), d in zip(heads, dtaken, strict=True))
            dtokens = dmiddle + own
            self.gradients["positions"] = dtokens.sum(axis=0)
            back_embedding(dtokens)

        return logits, back


def softmax(x: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def train(
    params: Params, x: np.ndarray, labels: np.ndarray, random: np.random.Generator, epochs: int
) -> Params:
    """Params after training with Adam on images that are shifted by up to a pixel."""
    batch, rate, step = 32, 3e-3, 0
    moments = {name: np.zeros((2, *value.shape)) for name, value in params.items()}
    steps = epochs * (len(x) // batch)
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start : start + batch]
            one = Pass(params, shifted(x[chosen], random))
            one.back((softmax(one.logits) - np.eye(CLASSES)[labels[chosen]]) / batch)
            step += 1
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            params = {
                name: value - now * _adam(one.gradients[name], moments[name], step)
                for name, value in params.items()
            }
    return params


def _adam(slope: np.ndarray, moment: np.ndarray, step: int) -> np.ndarray:
    moment[0] += 0.1 * (slope - moment[0])
    moment[1] += 0.001 * (slope**2 - moment[1])
    mean, square = moment[0] / (1 - 0.9**step), moment[1] / (1 - 0.999**step)
    return mean / (np.sqrt(square) + 1e-8)


def shifted(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each image moved by -1, 0 or 1 pixels in both directions."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    moves = random.integers(0, 3, (len(x), 2))
    pairs = zip(padded, moves, strict=True)
    return np.stack([one[y : y + TOKENS, x : x + PIXELS] for one, (y, x) in pairs])
