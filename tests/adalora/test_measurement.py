"""What is measured follows updates whose tensors shrink."""

import torch

from adalora import SVDUpdate
from adalora.compact import shrink_
from adalora.measurement import Measurement
from adalora.scorers import make_scorer


def measured():
    torch.manual_seed(0)
    updates = [SVDUpdate(4, 5, 3), SVDUpdate(4, 5, 3), SVDUpdate(6, 5, 2)]
    for update in updates:
        for parameter in update.parameters():
            torch.nn.init.normal_(parameter)
            parameter.grad = torch.randn_like(parameter)
    measurement = Measurement(updates, make_scorer("sensitivity_uncertainty", 0.8, 0.8))
    measurement.take_weights()
    measurement.take_gradients(None)
    measurement.observe()
    return updates, measurement


def test_scores_of_what_is_left_stay():
    updates, measurement = measured()
    before = [score.clone() for score in measurement.scores()]
    masks = [torch.tensor([True, False, True]), torch.tensor([False] * 3), torch.tensor([False, True])]
    for update, mask in zip(updates, masks, strict=True):
        update.keep_(mask)
    averages = measurement.averages()
    measurement.shrink(shrink_(updates, None), averages)
    for score, old, mask in zip(measurement.scores(), before, masks, strict=True):
        assert torch.equal(score, old[mask])
    assert measurement.fits


def test_a_scale_is_taken_out_of_the_gradients():
    updates, measurement = measured()
    plain = measurement.triplets()
    for update in updates:
        for parameter in update.parameters():
            parameter.grad *= 8
    other = Measurement(updates, make_scorer("sensitivity_uncertainty", 0.8, 0.8))
    other.take_weights()
    other.take_gradients(torch.tensor(8.0))
    other.observe()
    torch.testing.assert_close(other.triplets(), plain)


def test_a_model_that_has_changed_its_type_does_not_fit():
    updates, measurement = measured()
    for update in updates:
        update.double()
    assert not measurement.fits
    measurement.refit()
    assert measurement.fits


def test_weights_that_were_put_in_the_place_of_others_are_measured():
    updates, measurement = measured()
    for update in updates:
        update.P = torch.nn.Parameter(torch.randn_like(update.P))
        update.P.grad = torch.zeros_like(update.P)
    measurement.refit()
    measurement.take_weights()
    measurement.add_penalty_gradient(0.1, "squared_sum", None)
    assert all(torch.any(update.P.grad != 0) for update in updates)
