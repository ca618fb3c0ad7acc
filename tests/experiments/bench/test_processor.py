"""What the CPU is called."""

from experiments.bench import processor


def test_it_has_a_name(monkeypatch, tmp_path):
    assert processor.processor()
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A CPU\nmodel name\t: A CPU\n")
    monkeypatch.setattr(processor, "_LINUX", tmp_path / "cpuinfo")
    assert processor.processor() == "A CPU"
    monkeypatch.setattr(processor, "_LINUX", tmp_path / "none")
    assert processor.processor()
