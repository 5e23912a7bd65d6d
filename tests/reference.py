"""Slow, obvious NumPy float64 gated recurrent units: the oracle that the tests compare with.

Sizes: B sequences, T steps, D inputs, H hidden units, K outputs. Sequences are time-major, x (T, B, D).
The three gates r (reset), z (update), n (candidate) are stacked in this order along the first axis of the
weights, as in PyTorch: weight_ih (3H, D), weight_hh (3H, H), bias_ih (3H,), bias_hh (3H,).
One step goes from the state h' to the state h:

    r = sigmoid(W_ir x + b_ir + W_hr h' + b_hr)
    z = sigmoid(W_iz x + b_iz + W_hz h' + b_hz)
    n = tanh(W_in x + b_in + r * (W_hn h' + b_hn))     cell "gru"
    n = tanh(W_in x + b_in + W_hn (r * h') + b_hn)     cell "gru_reset_before"
    h = (1 - z) * n + z * h'

Row b runs for lengths[b] steps. After its end its state is carried unchanged to h[T], and the inputs there
are never read, so that neither they nor the weights receive a gradient from those steps.
"""

import numpy as np


def sigmoid(a):
    """Return 1 / (1 + exp(-a)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -a))


# --- One step of one row -----------------------------------------------------------------------------


def step_forward(cell, x, h, w_ih, w_hh, b_ih, b_hh):
    """Take one row one step on: x (D,), h (H,) -> next state, r, z, n (each (H,))."""
    w_ir, w_iz, w_in = np.split(w_ih, 3)
    w_hr, w_hz, w_hn = np.split(w_hh, 3)
    b_ir, b_iz, b_in = np.split(b_ih, 3)
    b_hr, b_hz, b_hn = np.split(b_hh, 3)

    r = sigmoid(w_ir @ x + b_ir + w_hr @ h + b_hr)
    z = sigmoid(w_iz @ x + b_iz + w_hz @ h + b_hz)
    if cell == "gru":
        n = np.tanh(w_in @ x + b_in + r * (w_hn @ h + b_hn))
    elif cell == "gru_reset_before":
        n = np.tanh(w_in @ x + b_in + w_hn @ (r * h) + b_hn)
    else:
        raise ValueError(f"unknown cell {cell!r}")
    return (1 - z) * n + z * h, r, z, n


def step_backward(cell, d_next, x, h, r, z, n, w_ih, w_hh, b_hh):
    """Take the gradient d_next (H,) of a step's new state back to all that the step read.

    In the names, a_r, a_z and a_n are what goes into the sigmoids and the tanh.
    """
    w_hr, w_hz, w_hn = np.split(w_hh, 3)
    b_hn = np.split(b_hh, 3)[2]

    # h_next = (1 - z) * n + z * h
    d_a_n = d_next * (1 - z) * (1 - n**2)
    d_a_z = d_next * (h - n) * z * (1 - z)
    d_h = d_next * z

    if cell == "gru":  # a_n = ... + r * (w_hn @ h + b_hn)
        d_r = d_a_n * (w_hn @ h + b_hn)
        d_b_hn = d_a_n * r
        d_w_hn = np.outer(d_b_hn, h)
        d_h += w_hn.T @ d_b_hn
    else:  # a_n = ... + w_hn @ (r * h) + b_hn
        d_r = (w_hn.T @ d_a_n) * h
        d_b_hn = d_a_n
        d_w_hn = np.outer(d_b_hn, r * h)
        d_h += (w_hn.T @ d_a_n) * r

    d_a_r = d_r * r * (1 - r)
    d_h += w_hr.T @ d_a_r + w_hz.T @ d_a_z

    d_a = np.concatenate([d_a_r, d_a_z, d_a_n])
    return {
        "d_x": w_ih.T @ d_a,
        "d_h": d_h,
        "d_w_ih": np.outer(d_a, x),
        "d_w_hh": np.concatenate([np.outer(d_a_r, h), np.outer(d_a_z, h), d_w_hn]),
        "d_b_ih": d_a,
        "d_b_hh": np.concatenate([d_a_r, d_a_z, d_b_hn]),
    }


# --- One layer ---------------------------------------------------------------------------------------


def cell_forward(cell, x, h0, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """Run a layer over x (T, B, D) from h0 (B, H) -> (states h (T+1, B, H), cache); h[0] is h0."""
    x, h0, w_ih, w_hh, b_ih, b_hh = (np.asarray(a, dtype=np.float64) for a in (x, h0, w_ih, w_hh, b_ih, b_hh))
    n_steps, n_rows, _ = x.shape
    if lengths is None:
        lengths = np.full(n_rows, n_steps)

    h = np.zeros((n_steps + 1, *h0.shape))
    r, z, n = (np.zeros((n_steps, *h0.shape)) for _ in range(3))
    h[0] = h0
    for t in range(n_steps):
        for b in range(n_rows):
            if t < lengths[b]:
                h[t + 1, b], r[t, b], z[t, b], n[t, b] = step_forward(cell, x[t, b], h[t, b], w_ih, w_hh, b_ih, b_hh)
            else:
                h[t + 1, b] = h[t, b]

    cache = {"x": x, "h": h, "r": r, "z": z, "n": n, "lengths": lengths}
    cache.update(w_ih=w_ih, w_hh=w_hh, b_hh=b_hh)
    return h, cache


def cell_backward(cell, d_h, cache):
    """Take the gradients d_h (T+1, B, H) that arrive at the states h[0..T] back through a layer.

    Returns a dict: d_x (T, B, D), d_h0 (B, H), d_w_ih, d_w_hh, d_b_ih, d_b_hh (like the weights).
    """
    x, h, r, z, n, lengths = (cache[key] for key in ("x", "h", "r", "z", "n", "lengths"))
    w_ih, w_hh, b_hh = cache["w_ih"], cache["w_hh"], cache["b_hh"]
    result = {
        "d_x": np.zeros_like(x),
        "d_w_ih": np.zeros_like(w_ih),
        "d_w_hh": np.zeros_like(w_hh),
        "d_b_ih": np.zeros_like(b_hh),
        "d_b_hh": np.zeros_like(b_hh),
    }
    d_h = np.array(d_h, dtype=np.float64)  # a copy: each step adds its part to the state before it
    n_steps, n_rows, _ = x.shape
    for t in reversed(range(n_steps)):
        for b in range(n_rows):
            if t < lengths[b]:
                step = step_backward(cell, d_h[t + 1, b], x[t, b], h[t, b], r[t, b], z[t, b], n[t, b], w_ih, w_hh, b_hh)
                d_h[t, b] += step["d_h"]
                result["d_x"][t, b] = step["d_x"]
                for key in ("d_w_ih", "d_w_hh", "d_b_ih", "d_b_hh"):
                    result[key] += step[key]
            else:  # h[t + 1] is h[t]
                d_h[t, b] += d_h[t + 1, b]
    result["d_h0"] = d_h[0]
    return result


def dual_state_forward(damped, x, h0, c0, w_ih, w_hh, bias, lengths):
    """Run a layer of the unit with two states over x (T, B, D) -> its outputs o * h (T, B, H), row by row.

    Blocks of w_ih (3H, D): r, z, o; of w_hh (5H, H) and bias (5H,): r, z, o, c, h. A row's outputs beyond its end are zero.
    """
    w_xr, w_xz, w_xo = np.split(w_ih, 3)
    w_r, w_z, w_o, w_c, w_h = np.split(w_hh, 5)
    b_r, b_z, b_o, b_c, b_h = np.split(bias, 5)
    outputs = np.zeros((*x.shape[:2], h0.shape[1]))
    for b in range(x.shape[1]):
        h, c = h0[b], c0[b]
        for t in range(lengths[b]):
            r = sigmoid(w_xr @ x[t, b] + w_r @ h + b_r)
            z = sigmoid(w_xz @ x[t, b] + w_z @ h + b_z)
            o = sigmoid(w_xo @ x[t, b] + w_o @ h + b_o)
            u = np.tanh(w_c @ (c * r) + b_c)
            h = (1 - z if damped else 1) * np.tanh(w_h @ (r * h + z * u) + b_h)
            c = (1 - z) * c + r * h
            outputs[t, b] = o * h
    return outputs


# --- Stacked layers and a linear head ----------------------------------------------------------------


def network_forward(cell, weights, x, lengths=None, initial=None, per_step=False):
    """Run stacked layers, then the linear head on the last layer's final state (or on all its states).

    `weights` has weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k} for each layer k, and head.weight
    (K, H), head.bias (K,); `initial` is a list of one (B, H_k) per layer, None for zeros.
    Returns (outputs (B, K), or (T, B, K) if per_step, cache). Steps beyond a row's end give the outputs of
    its final state.
    """
    weights = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}
    n_rows = np.shape(x)[1]
    n_layers = sum(name.startswith("weight_ih_l") for name in weights)
    if initial is None:
        initial = [np.zeros((n_rows, weights[f"weight_hh_l{k}"].shape[1])) for k in range(n_layers)]

    layer_input, layer_caches = x, []
    for k in range(n_layers):
        layer_weights = (weights[f"{name}_l{k}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        h, layer_cache = cell_forward(cell, layer_input, initial[k], *layer_weights, lengths=lengths)
        layer_caches.append(layer_cache)
        layer_input = h[1:]

    head_input = h[1:] if per_step else h[-1]
    outputs = head_input @ weights["head.weight"].T + weights["head.bias"]
    cache = {"cell": cell, "weights": weights, "layers": layer_caches}
    cache.update(head_input=head_input, per_step=per_step)
    return outputs, cache


def network_backward(d_outputs, cache):
    """Take the gradient of the outputs, (B, K) or (T, B, K), back through the head and the layers.

    Returns (gradients named like the weights, d_x (T, B, D), d_initial: a list of one (B, H_k) per layer).
    """
    layers, head_weight = cache["layers"], cache["weights"]["head.weight"]
    n_outputs, n_hidden = head_weight.shape
    rows = d_outputs.reshape(-1, n_outputs)
    gradients = {
        "head.weight": rows.T @ cache["head_input"].reshape(-1, n_hidden),
        "head.bias": rows.sum(axis=0),
    }

    d_h = np.zeros_like(layers[-1]["h"])
    if cache["per_step"]:
        d_h[1:] = d_outputs @ head_weight
    else:
        d_h[-1] = d_outputs @ head_weight

    d_initial = [None] * len(layers)
    for k in reversed(range(len(layers))):
        back = cell_backward(cache["cell"], d_h, layers[k])
        gradients[f"weight_ih_l{k}"] = back["d_w_ih"]
        gradients[f"weight_hh_l{k}"] = back["d_w_hh"]
        gradients[f"bias_ih_l{k}"] = back["d_b_ih"]
        gradients[f"bias_hh_l{k}"] = back["d_b_hh"]
        d_initial[k] = back["d_h0"]
        if k > 0:  # this layer's inputs are the states h[1:] of the layer below
            d_h = np.zeros_like(layers[k - 1]["h"])
            d_h[1:] = back["d_x"]
    return gradients, back["d_x"], d_initial


# --- Steps of several rows, and a decoder that goes on ahead of a sequence ------------------------------


def in_steps(sequences, k):
    """Sequences (n, D) as steps x (T, B, k D) of k rows, zeros before the first row; returns it and lengths (B,)."""
    lengths = np.array([-(-len(rows) // k) for rows in sequences])
    x = np.zeros((lengths.max(), len(sequences), k * sequences[0].shape[1]))
    for b, (rows, T) in enumerate(zip(sequences, lengths, strict=True)):
        whole = np.zeros((T * k, rows.shape[1]))
        whole[T * k - len(rows) :] = rows
        x[:T, b] = whole.reshape(T, -1)
    return x, lengths


def decoder_inputs(values, ends, steps, at_once, rows, columns):
    """Inputs (P, B, D) of the P = steps * at_once positions ahead of the rows before ``ends`` (B,) of a table.

    First the position: its share of all where steps go one after another, else one in a column of its own; then the columns
    of its rows of the table, row by row.
    """
    P = steps * at_once
    x = np.zeros((P, len(ends), at_once + rows * len(columns)))
    for p in range(P):
        for b, end in enumerate(ends):
            if at_once == 1:
                x[p, b, 0] = (p + 1) / steps
            else:
                x[p, b, p] = 1
            x[p, b, at_once:] = values[end + p * rows : end + (p + 1) * rows][:, list(columns)].ravel()
    return x


def decoder_forward(cell, weights, x, x_ahead, at_once, lengths=None):
    """Run layers over x (T, B, D), and a decoder over x_ahead (P, B, D') from an affine map of the last states.

    `weights` as of `network_forward`, and bridge.weight (H, H_k), bridge.bias (H,), weight_ih_decoder and its like; the
    head is the decoder's. With `at_once` above 1 each position is one step from the first state. Returns outputs
    (P, B, K) and a cache.
    """
    weights = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}
    encoder = {name: value for name, value in weights.items() if "_l" in name}
    encoder |= {"head.weight": weights["bridge.weight"], "head.bias": weights["bridge.bias"]}
    first, encoded = network_forward(cell, encoder, x, lengths)
    own = [weights[f"{name}_decoder"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    pieces = [x_ahead] if at_once == 1 else [x_ahead[p : p + 1] for p in range(len(x_ahead))]
    runs = [cell_forward(cell, piece, first, *own) for piece in pieces]
    states = np.concatenate([h[1:] for h, _ in runs])
    cache = {"cell": cell, "weights": weights, "encoded": encoded, "runs": runs, "states": states}
    return states @ weights["head.weight"].T + weights["head.bias"], cache


def decoder_backward(d_outputs, cache):
    """Take the gradient of the outputs (P, B, K) back -> gradients named like the weights."""
    weights, states = cache["weights"], cache["states"]
    flat = d_outputs.reshape(-1, d_outputs.shape[2])
    gradients = {"head.weight": flat.T @ states.reshape(len(flat), -1), "head.bias": flat.sum(axis=0)}
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        gradients[f"{name}_decoder"] = np.zeros_like(weights[f"{name}_decoder"])
    d_states, d_first, done = d_outputs @ weights["head.weight"], 0, 0
    for h, layer in cache["runs"]:
        d_h = np.zeros_like(h)
        d_h[1:] = d_states[done : done + len(h) - 1]
        done += len(h) - 1
        back = cell_backward(cache["cell"], d_h, layer)
        d_first = d_first + back["d_h0"]
        for name, key in (("weight_ih", "w_ih"), ("weight_hh", "w_hh"), ("bias_ih", "b_ih"), ("bias_hh", "b_hh")):
            gradients[f"{name}_decoder"] += back[f"d_{key}"]
    encoder, _, _ = network_backward(d_first, cache["encoded"])
    gradients["bridge.weight"], gradients["bridge.bias"] = encoder.pop("head.weight"), encoder.pop("head.bias")
    return gradients | encoder


# --- Losses ------------------------------------------------------------------------------------------


def elementwise_loss(name, p, y, parameter=None):
    """Return the loss of every prediction p for its target y, and its derivative by p."""
    error = p - y
    if name == "squared_error":
        return error**2, 2 * error
    if name == "absolute_error":
        return np.abs(error), np.sign(error)
    if name == "huber":  # quadratic up to delta, then linear
        delta = parameter
        small = np.abs(error) <= delta
        value = np.where(small, error**2 / 2, delta * (np.abs(error) - delta / 2))
        return value, np.where(small, error, delta * np.sign(error))
    if name == "quantile":  # the pinball loss; where y = p, the derivative is that of y > p
        q = parameter
        return np.where(y >= p, q * (y - p), (1 - q) * (p - y)), np.where(y >= p, -q, 1 - q)
    if name == "poisson":  # log link: the mean is exp(p)
        return np.exp(p) - y * p, np.exp(p) - y
    if name == "log_loss":  # y is 0 or 1, or a share between them; p is the log odds of 1
        return np.logaddexp(0.0, p) - y * p, sigmoid(p) - y
    raise ValueError(f"unknown loss {name!r}")


def cross_entropy(p, y):
    """Return -log of the softmax of p (..., K) at the class numbers y (..., 1), shape (..., 1), and its derivative by p."""
    log_share = p - np.logaddexp.reduce(p, axis=-1, keepdims=True)
    is_target = np.arange(p.shape[-1]) == y
    return -np.sum(log_share, axis=-1, keepdims=True, where=is_target), np.exp(log_share) - is_target


def loss(name, prediction, target, weights=None, parameter=None, lengths=None):
    """Average a loss -> (value, its gradient by the prediction).

    `prediction` and `target` are (B, K), or (T, B, K) for one prediction per step; the target of
    "cross_entropy" has one column, the number of the class. The mean is plain over the K outputs (not of
    "cross_entropy") and weighted by `weights` (B,) over the rows; per step, it goes over all steps
    t < lengths[b] of all rows, each with its row's weight, or its own where `weights` is (T, B). `parameter`
    is the delta of "huber" and the q of "quantile"; of several q, every target has as many predictions, one after
    another.
    """
    prediction, target = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if name == "quantile" and np.ndim(parameter):
        repeated = np.repeat(target, len(parameter), axis=-1)
        parameter, target = np.tile(parameter, target.shape[-1]), repeated
    n_rows, n_outputs = prediction.shape[-2:]
    n_outputs = 1 if name == "cross_entropy" else n_outputs

    share = np.ones(prediction.shape[:-1])  # of every row (B,), or of every step of every row (T, B)
    if weights is not None:
        share = share * np.asarray(weights, dtype=np.float64)
    if prediction.ndim == 3 and lengths is not None:
        for b in range(n_rows):
            share[lengths[b] :, b] = 0
    share = share[..., None] / (share.sum() * n_outputs)

    if name == "cross_entropy":
        value, slope = cross_entropy(prediction, target)
    else:
        value, slope = elementwise_loss(name, prediction, target, parameter)
    counted = share > 0  # what is not counted may even be NaN
    return np.where(counted, share * value, 0).sum(), np.where(counted, share * slope, 0)


# --- Numerical derivatives ---------------------------------------------------------------------------


def central_difference(function, array, step=1e-6):
    """Differentiate the number function() by every entry of a float64 array that it reads.

    The entries are changed in place, one at a time, and restored.
    """
    if array.dtype != np.float64:
        raise TypeError("central differences need a float64 array")
    result = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        below = function()
        array[index] = value
        result[index] = (above - below) / (2 * step)
    return result
