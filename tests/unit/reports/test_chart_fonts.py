from __future__ import annotations

from reports.render.chart_fonts import with_fonts


def test_every_run_of_a_script_is_set_in_its_font_and_the_rest_stays() -> None:
    assert with_fonts('<text x="1">plain &amp; 10</text>') == '<text x="1">plain &amp; 10</text>'
    assert with_fonts('<text x="1">a ไทย &lt;b</text>') == (
        '<text x="1">a <tspan font-family="Noto Sans Thai">ไทย</tspan> &lt;b</text>'
    )
    assert 'font-family="Noto Emoji"' in with_fonts("<text >\U0001f600</text>")
    assert 'font-family="Noto Sans CJK SC"' in with_fonts("<text >中文</text>")
