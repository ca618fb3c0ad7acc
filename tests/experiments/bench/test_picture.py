"""The picture of the ratios, read back from the figure."""

from experiments.bench.picture import ratios_over_the_floor


def test_a_panel_a_case_and_a_row_a_contestant(record):
    figure = ratios_over_the_floor(record)
    assert len(figure.axes) == 3
    for axes, case in zip(figure.axes, record["sections"]["steps"], strict=True):
        texts = [text.get_text() for text in axes.texts]
        assert texts == [*["1.10"] * 6, case]
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert [float(dot.get_xdata()[0]) for dot in dots] == [1.1] * 6
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [
        "full fine-tuning",
        "peft LoRA",
        "peft AdaLoRA",
        "LoRA",
        "AdaLoRA",
        "AdaLoRA, shrunk",
    ]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert "20 interleaved rounds; rank 12 to 8, float32, cpu, threads: 2" in figure.texts[1].get_text()


def test_without_steps_there_is_nothing_to_draw(record):
    record["sections"] = {"inference": record["sections"]["inference"]}
    assert ratios_over_the_floor(record) is None
