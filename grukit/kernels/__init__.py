r"""The loops. Legend, conventions, equations and sources, said once.

Legend
------
B batch, T time, D inputs, H hidden units, K outputs, P parameters, L layers. x (T, B, D); h (T+1, B, H) with h[0] the
initial state; gates (4, T, B, H). The gradient of ``a`` is ``d_a``. Blocks and planes in PyTorch's order r, z, n.

Conventions
-----------
``foo_forward(inputs, parameters, outputs)`` stands right above ``foo_backward(d_outputs, cached, d_inputs,
d_parameters)``. Outputs are given by the caller and come last. Parameter gradients are added to, all others overwritten.
Nothing is allocated in a time loop and no kernel raises.

Equations
---------
Reset after the recurrent product, ``gru`` (cuDNN, PyTorch, Keras), h' the previous state, s the logistic function::

    r = s(W_ir x + b_ir + W_hr h' + b_hr)        q = W_hn h' + b_hn
    z = s(W_iz x + b_iz + W_hz h' + b_hz)        n = tanh(W_in x + b_in + r q)
    h = n + z (h' - n)

    d_n~ = d_h (1 - z)(1 - n^2)                  d_z~ = d_h (h' - n) z (1 - z)
    d_q  = d_n~ r                                d_r~ = d_n~ q r (1 - r)
    d_h' = d_h z + W_hr^T d_r~ + W_hz^T d_z~ + W_hn^T d_q

(a~ is the pre-activation of a). Reset before the product, ``gru_reset_before`` (Cho et al. 2014, "Learning Phrase
Representations using RNN Encoder-Decoder", eq. 5-8; the sense of z is PyTorch's)::

    n    = tanh(W_in x + b_in + W_hn (r h') + b_hn)
    d_r~ = (W_hn^T d_n~) h' r (1 - r)
    d_h' = d_h z + (W_hn^T d_n~) r + W_hr^T d_r~ + W_hz^T d_z~

The unit with two states, ``dual_state`` (grukit's own, kept to be compared; the input reaches the states through the gates
alone; c' the previous c)::

    r, z, o = s(W_i x + b + W_h h')              h = (1 - z) k       c = (1 - z) c' + r h
    u = tanh(W_c (c' r) + b_c)                   output o h
    k = tanh(W_k (r h' + z u) + b_k)

``dual_state_basic`` has h = k. Recurrent dropout multiplies, by one mask for all steps, whatever enters a recurrent product:
h', r h' before the product, c' r, r h' + z u.

A decoder goes on ahead of a sample from h[0] = A h_T + b, h_T the last state of the layers. Of positions p that are taken
one after another x is p / P and what is known there; of those that are taken at once, each one step from h[0], one in column
p, and what is known there. Then d_h_T = A^T (the sum of d_h[0]).

Every weight gradient is a sum over steps and rows of (pre-activation gradient)(input of the product)^T, taken as one
matrix product after the loop.

Losses of one output o (K,) against a target y, and their gradients; a weighted mean of them over outputs is minimised.
Most are a mean over k of a loss of (o_k, y_k), all in :mod:`grukit.kernels.scalar`; of them the log loss takes y_k of 0 or
1 and o_k for the log odds. Of the pinball loss of M quantiles, each of K / M targets has M outputs in a row, one a quantile.
The cross entropy takes y, in one column, for the number of a class::

    log loss        (1/K) sum_k log(1 + exp(o_k)) - y_k o_k      d_o_k = (s(o_k) - y_k) / K
    cross entropy   log(sum_k exp(o_k)) - o_y                    d_o_k = exp(o_k) / sum_j exp(o_j) - [k = y]
"""
