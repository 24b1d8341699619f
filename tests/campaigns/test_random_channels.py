"""A small part of the campaign: of random channels those of integer contracts are proved."""

import json
import sys

import pytest

from tests.campaigns import random_channels
from tests.campaigns.random_channels import BATCH, TERMS, Batch, Outcome, batches, run_batch


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("contract", ["tflm", "single"])
def test_every_channel_of_an_integer_contract_is_proved(contract, terms):
    for batch in batches(2 * BATCH, 0, [contract], [terms]):
        outcome = run_batch(batch)
        assert (outcome.unproved, outcome.faults) == (0, [])


def test_the_nearest_division_of_a_channel_in_float32_is_off_by_one_code_at_few_sums():
    outcome = Outcome()
    for batch in batches(2 * BATCH, 0, ["onnx"], [576]):
        outcome.add(run_batch(batch))
    assert outcome.faults == []
    assert 0 < outcome.unproved < 0.1 * outcome.channels
    assert outcome.nearest > 3 and outcome.far == 0


def test_a_channel_that_is_proved_but_differs_is_a_fault(monkeypatch):
    solve = random_channels.solve

    def spoilt(*arguments, **options):
        solution = solve(*arguments, **options)
        solution.division.bias[7] += 1 << 20
        return solution

    monkeypatch.setattr(random_channels, "solve", spoilt)
    (fault,) = run_batch(Batch(1000, "tflm", 1, 0)).faults
    assert "proved, but differs: solve(Rescale('tflm'" in fault


def test_the_same_command_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    results = tmp_path / "results.jsonl"
    command = ["random_channels", "--terms", "64", "--contract", "single", "--jobs", "1"]
    command += ["--results", str(results)]
    for count in (BATCH, 2 * BATCH):
        monkeypatch.setattr(sys, "argv", [*command, "--count", str(count)])
        assert random_channels.main() == 0
    lines = [json.loads(line) for line in results.read_text().splitlines() if line]
    assert len(lines) == 2
    assert "500" in capsys.readouterr().out
