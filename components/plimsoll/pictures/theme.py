"""The one look of every page: colours for light and dark, type, spacing."""

from __future__ import annotations

SERIES = 8
_LIGHT = """
color-scheme:light dark;
--paper:#fafaf9;--card:#fff;--ink:#1c1e26;--soft:#4b5060;--faint:#6b7182;--line:#e6e7eb;--grid:#ecedf1;
--wash:#f4f5f7;--shadow:0 1px 2px rgba(20,24,40,.05),0 1px 8px rgba(20,24,40,.03);
--edge:#cfd2da;--link:#3457d5;--heat:57,93,214;
--s1:#4269d0;--s2:#e8843c;--s3:#2a9d8f;--s4:#9c5fc4;--s5:#d64562;--s6:#b8901a;--s7:#5f7186;--s8:#d977b0;
--good:#137a4b;--good-wash:#e5f5ec;--bad:#c02d3f;--bad-wash:#fdecee;--warn:#97620a;--warn-wash:#fdf3dc;
--info:#3457d5;--info-wash:#eaeffc;--dull:#5d6373;--dull-wash:#eff0f3;
"""
_DARK = """
--paper:#111318;--card:#191c23;--ink:#e9eaf0;--soft:#b4b9c7;--faint:#8b91a3;--line:#2a2e39;--grid:#262a34;
--wash:#20242d;--shadow:none;
--edge:#3c4250;--link:#8fa8ff;--heat:112,146,255;
--s1:#7d9bf5;--s2:#f0a05e;--s3:#4fc3b1;--s4:#bd8ae0;--s5:#f0748c;--s6:#d9b648;--s7:#94a6ba;--s8:#ee9fcb;
--good:#5fd39a;--good-wash:#15301f;--bad:#ff8a96;--bad-wash:#3a1a20;--warn:#edbb5c;--warn-wash:#33280f;
--info:#9db3ff;--info-wash:#1d2747;--dull:#a3a9b9;--dull-wash:#262a34;
"""
_TYPE = """
* { box-sizing:border-box }
html { -webkit-text-size-adjust:100% }
body {
  margin:0; background:var(--paper); color:var(--ink);
  font:15px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,
    sans-serif;
  -webkit-font-smoothing:antialiased;
}
main { max-width:1120px; margin:0 auto; padding:36px 24px 64px }
h1,h2,h3 { line-height:1.25; letter-spacing:-.011em; margin:0; overflow-wrap:anywhere }
h1 { font-size:26px; font-weight:650 }
h2 { font-size:18px; font-weight:620 }
h3 { font-size:14px; font-weight:600 }
p { margin:0 }
a { color:var(--link); text-decoration:none }
a:hover { text-decoration:underline }
code,pre,.mono {
  font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
  font-size:.88em;
}
pre {
  margin:0; padding:12px 14px; background:var(--wash); border-radius:8px; overflow-x:auto;
  line-height:1.5;
}
pre.wrap { white-space:pre-wrap; overflow-wrap:anywhere }
:focus-visible { outline:2px solid var(--link); outline-offset:2px; border-radius:4px }
.lede { color:var(--soft); margin-top:6px; max-width:75ch; overflow-wrap:anywhere }
.block { margin-top:28px }
.block>h2 { margin-bottom:4px }
.note { color:var(--soft); font-size:14px; max-width:80ch; overflow-wrap:anywhere }
.panel {
  background:var(--card); border:1px solid var(--line); border-radius:12px;
  box-shadow:var(--shadow); padding:20px; margin-top:12px; min-width:0;
}
.panel>*+* { margin-top:18px }
.grid {
  display:grid; gap:20px 32px; grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));
}
.grid>* { min-width:0 }
h3.group { margin:20px 0 8px; overflow-wrap:anywhere }
.note+.scroll,.scroll+.note,.panel+.note { margin-top:8px }
footer { margin-top:40px; color:var(--faint); font-size:13px }
"""
_PIECES = """
.badge {
  display:inline-flex; align-items:center; gap:.35em; padding:2px 9px; border-radius:999px;
  font-size:12.5px; font-weight:600; line-height:1.5; white-space:nowrap;
  background:var(--dull-wash); color:var(--dull); vertical-align:middle;
}
.good { --tone:var(--good); --tone-wash:var(--good-wash) }
.bad { --tone:var(--bad); --tone-wash:var(--bad-wash) }
.warn { --tone:var(--warn); --tone-wash:var(--warn-wash) }
.info { --tone:var(--info); --tone-wash:var(--info-wash) }
.dull { --tone:var(--dull); --tone-wash:var(--dull-wash) }
.badge,.notice { background:var(--tone-wash); color:var(--tone) }
.notice { padding:12px 16px; border-radius:10px; overflow-wrap:anywhere }
.notice>p { color:var(--ink); font-size:14px; margin-top:2px; white-space:pre-line }
.notice>strong { font-weight:620 }
.cards { display:flex; flex-wrap:wrap; gap:12px }
.tile {
  background:var(--card); border:1px solid var(--line); border-radius:12px; padding:14px 16px;
  box-shadow:var(--shadow); min-width:0; margin:0; flex:1 1 140px; max-width:270px;
}
.tile dt { color:var(--soft); font-size:13px; overflow-wrap:anywhere }
.tile dd { margin:0 }
.tile .value {
  font-size:25px; font-weight:620; letter-spacing:-.02em; line-height:1.3;
  font-variant-numeric:tabular-nums; overflow-wrap:anywhere;
}
.tile .beside {
  color:var(--faint); font-size:13px; font-variant-numeric:tabular-nums; overflow-wrap:anywhere;
}
.tile .beside b { font-weight:600 }
.up { color:var(--good) }
.down { color:var(--bad) }
.scroll {
  overflow:auto; max-height:560px; border:1px solid var(--line); border-radius:10px;
  background:var(--card);
}
.scroll.tall { max-height:none }
.scroll.bare { border:0; border-radius:0; background:none; max-height:none }
table { border-collapse:separate; border-spacing:0; width:100%; font-size:14px }
caption { text-align:left; color:var(--soft); font-size:13px; padding:10px 14px 2px }
th,td {
  padding:8px 14px; text-align:left; vertical-align:middle; border-bottom:1px solid var(--line);
}
tbody tr:last-child>* { border-bottom:0 }
thead th {
  position:sticky; top:0; z-index:1; background:var(--wash); color:var(--soft); font-size:12.5px;
  font-weight:600; white-space:nowrap;
}
tbody tr:hover>td { background:var(--wash) }
td { overflow-wrap:break-word; max-width:34em }
td.short,.number,.whole { white-space:nowrap }
.number { text-align:right; font-variant-numeric:tabular-nums }
tbody th { font-weight:560 }
.heat td,.heat tbody th,.heat thead th { text-align:center }
.heat { width:auto }
.heat tbody th {
  text-align:right; font-weight:560; color:var(--soft); background:var(--card); position:sticky;
  left:0;
}
.heat tbody tr>td {
  background:rgba(var(--heat),var(--share)); min-width:76px; border:2px solid var(--card);
  border-radius:8px; background-clip:padding-box; font-variant-numeric:tabular-nums;
  padding:10px 12px;
}
.heat td small { display:block; opacity:.75; font-size:12px }
.heat td.strong { color:#fff }
.heat th { border:0 }
.heat thead th { background:var(--card) }
.heat caption { padding-left:0 }
.heat .axis { color:var(--faint); font-weight:500; font-size:12px }
.column { display:inline-block; max-width:18em; overflow-wrap:break-word }
.said { min-width:11em }
.kind { color:var(--soft) }
.values { min-width:16em; font-size:13px }
.shares { width:auto; min-width:min(100%,420px) }
.shares td,.shares tbody th,.shares thead th { padding:4px 12px; border:0 }
.shares thead th { background:none }
.shares tbody th { text-align:left; max-width:22em; overflow-wrap:anywhere }
.shares td {
  min-width:92px; border:2px solid var(--card); border-radius:6px; background-clip:padding-box;
  background-color:var(--wash); font-variant-numeric:tabular-nums; white-space:nowrap;
  background-image:linear-gradient(90deg,rgba(var(--heat),.45) calc(var(--share,0)*100%),
    transparent 0);
}
.shares td.absent { color:var(--faint); background:none }
details.fold { margin-top:10px }
.fold>summary {
  cursor:pointer; color:var(--link); font-size:14px; padding:4px 0; overflow-wrap:anywhere;
}
.fold>summary:hover { text-decoration:underline }
.fold[open]>summary { margin-bottom:8px }
.facts {
  display:grid; grid-template-columns:minmax(90px,max-content) 1fr; gap:4px 18px; margin:0;
  font-size:14px;
}
.facts dt { color:var(--soft); overflow-wrap:anywhere }
.facts dd { margin:0; overflow-wrap:anywhere; min-width:0; white-space:pre-wrap }
"""
_CHARTS = """
.chart { margin:0; min-width:0; container-type:inline-size }
.chart figcaption { font-weight:600; font-size:14px; margin-bottom:6px; overflow-wrap:anywhere }
.chart figcaption small { display:block; font-weight:400; color:var(--soft); font-size:13px }
.legend {
  display:flex; flex-wrap:wrap; gap:3px 16px; font-size:13px; color:var(--soft); margin-bottom:4px;
}
.legend span {
  display:inline-flex; align-items:center; gap:6px; min-width:0; overflow-wrap:anywhere;
}
.legend i { flex:none; width:11px; height:11px; border-radius:3px; background:var(--c) }
.legend i.stroke-key {
  height:0; width:16px; border-radius:0; background:none; border-top:2.5px solid var(--c);
}
.legend i.dashed-key { border-top-style:dashed; border-top-width:2px }
.legend i.hollow-key { background:none; border:2px solid var(--c) }
.chart svg.plot {
  display:block; overflow:visible; width:calc(100% - var(--left) - var(--right));
  height:var(--tall); margin:var(--top) var(--right) var(--bottom) var(--left);
}
.chart svg svg { overflow:visible }
.chart text,.spark text { font-size:12px; fill:var(--faint); font-variant-numeric:tabular-nums }
.chart text.name { fill:var(--soft) }
.chart text.value { fill:var(--soft) }
.chart text.mark {
  fill:var(--soft); paint-order:stroke; stroke:var(--card); stroke-width:3px; stroke-linejoin:round;
}
.gridline { stroke:var(--grid); stroke-width:1 }
.zero { stroke:var(--faint); stroke-width:1; opacity:.7 }
.guide { stroke:var(--faint); stroke-width:1; stroke-dasharray:3 3 }
.curve {
  fill:none; stroke:var(--c); stroke-width:2; stroke-linejoin:round; stroke-linecap:round;
  vector-effect:non-scaling-stroke;
}
.curve.dashed { stroke-dasharray:5 4; stroke-width:1.75 }
.curve.thin { stroke-width:1.5 }
.area { fill:var(--c); opacity:.16 }
.bar { fill:var(--c) }
.bar:hover { opacity:.78 }
.bar.hollow { fill:var(--c); fill-opacity:.12; stroke:var(--c); stroke-width:1.5 }
.dot { fill:var(--c); stroke:var(--card); stroke-width:1.5 }
.dot.cloud { stroke:none; opacity:.5 }
.hit>* { opacity:0 }
.hit>rect { fill:transparent; opacity:1 }
.hit:hover>* { opacity:1 }
.none { fill:var(--faint) }
.fill { --c:var(--tone,var(--dull)); fill:var(--c) }
.fill.hollow { fill-opacity:.12; stroke:var(--c); stroke-width:1 }
td:has(>.spark) { white-space:nowrap }
.spark+.beside {
  color:var(--soft); font-size:13px; font-variant-numeric:tabular-nums; margin-left:6px;
}
.track { stroke:var(--edge); stroke-width:1 }
.limit { stroke:var(--ink); stroke-width:1.5 }
.shape { width:104px; height:26px }
.matrix text { font-size:12px; fill:var(--ink); font-variant-numeric:tabular-nums }
.matrix>text { font-size:12.5px; font-weight:560 }
.matrix rect { fill:none }
.matrix .plus rect { fill:var(--s1) }
.matrix .minus rect { fill:var(--s2) }
.matrix .strong text { fill:var(--card); font-weight:600 }
.matrix g:hover rect { stroke:var(--ink); stroke-width:1.5 }
.spark { display:inline-block; vertical-align:middle; overflow:visible }
.spark .bar { rx:.5px }
.dag { display:block; max-width:none }
@media (min-width:1000px) { .dag.snug { max-width:max(100%,1000px); height:auto } }
.dag .edge { fill:none; stroke:var(--edge); stroke-width:1.5 }
.dag .box { fill:var(--card); stroke:var(--edge); stroke-width:1 }
.dag .node.bad .box,.dag .node.warn .box { stroke:var(--tone); stroke-width:1.5 }
.dag .sign { fill:var(--tone-wash) }
.dag .sign-text { fill:var(--tone); font-size:13px; font-weight:700 }
.dag .step-name { fill:var(--ink); font-size:13.5px; font-weight:600 }
.dag .step-detail { fill:var(--faint); font-size:12px }
.dag .tag { fill:var(--wash) }
.dag .tag-text { fill:var(--soft); font-size:11px }
.dag a:hover { text-decoration:none }
.dag a:hover .box { fill:var(--wash) }
.dag a:hover .tag { fill:var(--card) }
@container (max-width:300px) {
  .chart .spare { display:none }
}
@media (max-width:600px) {
  main { padding:20px 14px 48px }
  .panel { padding:14px }
  h1 { font-size:22px }
  th,td { padding:7px 10px }
  .tile { padding:11px 12px }
  .tile .value { font-size:21px }
  .column { max-width:9em }
  .values { min-width:9em }
}
@media print {
  body { background:#fff }
  .panel,.tile { break-inside:avoid; box-shadow:none }
  .scroll { max-height:none }
}
"""


def stylesheet() -> str:
    """Returns the style sheet of every page; it holds no text from data."""
    colours = "".join(f".s{index}{{--c:var(--s{index})}}" for index in range(1, SERIES + 1))
    dark = f"@media (prefers-color-scheme:dark){{:root{{{_DARK}}}.heat td.strong{{color:#0d1020}}}}"
    return f":root{{{_LIGHT}}}{_TYPE}{_PIECES}{colours}{_CHARTS}{dark}"


def series_class(index: int) -> str:
    """Returns the class that colours the series at ``index``; they repeat after eight."""
    return f"s{index % SERIES + 1}"
