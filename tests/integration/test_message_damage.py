"""Messages that are damaged or forged: decode() raises MalformedMessageError and nothing else."""

from integration.corrupt_messages import run


def test_random_corruptions_of_messages() -> None:
    """`python -m integration.corrupt_messages` in tests/ runs for longer."""
    run(2000)
