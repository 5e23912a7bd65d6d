"""Every kernel that the CUDA engine can launch, with the types it is launched with."""

from grukit.kernels.cuda import batches, dropout, gru, gru_reset_before, optimizer, products, steps
from grukit.kernels.cuda.layers import FEW_UNITS
from grukit.kernels.cuda.registers import SLICES


def variants(types):
    """Yield name, kernel, signature and threads of a block."""
    i, d = types.int64, types.float64
    ints, longs = types.Array(types.int32, 1, "C"), types.Array(types.int64, 1, "C")
    doubles, records = types.Array(d, 1, "C"), types.Array(d, 2, "C")
    f = types.Array(types.float32, 1, "C")
    for units, slices in SLICES.items():
        for module in (gru, gru_reset_before):
            cell, threads = module.__name__.rpartition(".")[2], units * slices
            forward, backward = getattr(module, f"{cell}_forward"), getattr(module, f"{cell}_backward")
            for masked in (False, True):
                how, mask = f"{units}{', masked' * masked}", types.BaseTuple.from_types((f,) * masked)
                for few in (False, True)[: 1 + (units <= FEW_UNITS)]:
                    inputs = types.BaseTuple.from_types((i, f, f) * few)
                    signature = (i, i, i, i, f, f, f, ints, f, f, inputs, mask)
                    name = f"{cell}_forward, {how}{', few inputs' * few}, all steps"
                    yield name, forward(units, masked, few), signature, threads
                signature = (i, i, i, i, f, f, f, f, mask)
                yield f"{cell}_backward, {how}, all steps", backward(units, masked), signature, threads
    yield "close_piece", batches.close_piece(), (i, doubles, longs, doubles), 1
    yield "close_predicted", batches.close_predicted(), (i, longs), 1
    yield "decide", optimizer.decide(), (doubles, doubles, doubles, longs, doubles, records), 1
    for dtype in ("float32", "float64"):
        for name, kernel, signature, threads in of_dtype(dtype, types):
            yield f"{name}, {dtype}", kernel, signature, threads


def of_dtype(dtype, types):
    """Yield the kernels that come in both types."""
    i, d, number = types.int64, types.float64, getattr(types, dtype)
    v, rows, any_strides, cube = (types.Array(number, *form) for form in ((1, "C"), (2, "C"), (2, "A"), (3, "C")))
    ints, pairs, longs = (types.Array(*form) for form in ((types.int32, 1, "C"), (types.int32, 2, "C"), (i, 1, "C")))
    doubles = types.Array(d, 1, "C")
    for form, biased in (("nn", False), ("nt", False), ("nt", True), ("tn", False)):
        signature = (any_strides, any_strides, v, rows, i, i)
        yield (
            f"product {form}{' + bias' * biased}",
            products.product_kernel(dtype, form, biased),
            signature,
            products.THREADS,
        )
    sums = products.COLUMNS * products.SUMMED
    yield "column_sums", products.column_sums_kernel(dtype), (any_strides, pairs, rows), sums
    per_step = {
        steps.gru_step_forward: (i, i, i, v, v, v, ints, v, v),
        steps.gru_step_backward: (i, i, i, v, v, v, v, v, v),
        steps.gru_reset_before_step_gates: (i, i, i, v, v, v, ints, v, v),
        steps.gru_reset_before_step_forward: (i, i, i, v, v, v, ints, v, v),
        steps.gru_reset_before_step_backward: (i, i, i, v, v, v, v, v),
        steps.gru_reset_before_step_reset: (i, i, i, v, v, v, v),
    }
    for factory, signature in per_step.items():
        for masked in (False, True):
            mask = types.BaseTuple.from_types((v, v) * masked)
            yield f"{factory.__name__}{', masked' * masked}", factory(dtype, masked), (*signature, mask), steps.THREADS
    drawn = (i, i, i, d, longs, ints, v, v)
    for of_ones in (False, True):
        yield f"dropout{', ones' * of_ones}", dropout.dropout_kernel(dtype, of_ones), drawn, dropout.THREADS
    yield "times_mask", dropout.times_mask_kernel(dtype), (v, v), dropout.THREADS
    threads = batches.THREADS
    yield "gather", batches.gather(), (ints, rows, ints, ints, longs, cube, ints, ints), threads
    for every_step in (False, True):
        which = ", per step" * every_step
        yield f"open_batch{which}", batches.open_batch(every_step), (i, ints, ints, v, longs, doubles), threads
        yield f"scatter{which}", batches.scatter(every_step), (i, ints, ints, ints, v, rows), threads
        signature = (i, doubles, ints, ints, ints, rows, v, doubles, v, doubles)
        yield f"loss_of_piece{which}", batches.loss_of_piece(dtype, every_step), signature, threads
    yield "sum_slots", optimizer.sum_slots(), (rows, longs, v), optimizer.THREADS
    yield "penalize", optimizer.penalize(dtype), (d, doubles, v, v, v, doubles), optimizer.THREADS
    yield "update", optimizer.update(dtype), (doubles, longs, doubles, v, v, v, v, v, v), optimizer.THREADS
