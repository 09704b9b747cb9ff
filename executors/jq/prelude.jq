# Builtins whose one step could take far longer, or far more memory, than the
# bounds of a run: each is put behind a check of what it is given, which charges
# the step to the budget of the run. A pair of definitions wraps one builtin: the
# first keeps the builtin's own name reachable, the second takes its place in the
# caller's program. This file is rewritten like a caller's program, so its
# operators are guarded too. The checks (_bounded, _small, …) are in guard.go. A
# caller's program can't call or define a name that starts with an underscore:
# the rewriter renames it.

def _add(l; r): l + r;
def _subtract(l; r): l - r;
def _multiply(l; r): l * r;
def _divide(l; r): l / r;

# Written out, or walked to the leaves.
def _own_tojson: tojson;             def tojson: _escapable | _own_tojson;
def _own_tostring: tostring;         def tostring: _escapable | _own_tostring;
def _own_format($f): format($f);     def format($f): _escapable | _own_format($f);
def _own_tohtml: _tohtml;            def _tohtml: _escapable | _own_tohtml;
def _own_touri: _touri;              def _touri: _escapable | _own_touri;
def _own_tourid: _tourid;            def _tourid: _escapable | _own_tourid;
def _own_tocsv: _tocsv;              def _tocsv: _escapable | _own_tocsv;
def _own_totsv: _totsv;              def _totsv: _escapable | _own_totsv;
def _own_tosh: _tosh;                def _tosh: _escapable | _own_tosh;
def _own_tobase64: _tobase64;        def _tobase64: _escapable | _own_tobase64;
def _own_tobase64d: _tobase64d;      def _tobase64d: _escapable | _own_tobase64d;
def _own_flatten: flatten;           def flatten: _bounded | _own_flatten;
def _own_flatten($d): flatten($d);   def flatten($d): _bounded | _own_flatten($d);
def _own_halt_error: halt_error;     def halt_error: _bounded | _own_halt_error;
def _own_halt_error($c): halt_error($c); def halt_error($c): _bounded | _own_halt_error($c);
def _own_error: error;               def error: _bounded | _own_error;
def _own_error(f): error(f);         def error(f): _own_error(f | _bounded);

# Compared.
def _own_sort: sort;                 def sort: _sortable(.) | _own_sort;
def _own_unique: unique;             def unique: _sortable(.) | _own_unique;
def _own_min: min;                   def min: _bounded | _own_min;
def _own_max: max;                   def max: _bounded | _own_max;
def sort_by(f): map([f]) as $keys | _sortable($keys) | _sort_by($keys);
def group_by(f): map([f]) as $keys | _sortable($keys) | _group_by($keys);
def unique_by(f): map([f]) as $keys | _sortable($keys) | _unique_by($keys);
def min_by(f): map([f]) as $keys | _sortable($keys) | _min_by($keys);
def max_by(f): map([f]) as $keys | _sortable($keys) | _max_by($keys);
def _own_bsearch($x): bsearch($x);   def bsearch($x): _sortable($x) | _own_bsearch($x);
def _own_contains($x): contains($x); def contains($x): _product($x) | _own_contains($x);
def _own_inside($x): inside($x);     def inside($x): _product($x) | _own_inside($x);
def _own_indices($x): indices($x);
def indices($x):
  if type == "string" and ($x | type) == "string" then _found($x) else _product($x) | _own_indices($x) end;
def index($x): indices($x) | if . then .[0] end;
def rindex($x): indices($x) | if . then .[-1] end;
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);

# Grown.
def _own_add: add;                   def add: _addable("") | _own_add;
def add(f): [f] | add;
def _own_join($s): join($s);         def join($s): _addable($s) | _own_join($s);
def _own_transpose: transpose;       def transpose: _table | _own_transpose;
def _own_explode: explode;           def explode: _short | _own_explode;
def _own_split($s): split($s);       def split($s): _short | _own_split($s);
def _own_tonumber: tonumber;         def tonumber: _numeral | _own_tonumber;
def _own_fromjson: fromjson;         def fromjson: _document | _own_fromjson | _numerals | _bounded;
def _own_strftime($f): strftime($f); def strftime($f): _own_strftime($f | _format);
def _own_strflocaltime($f): strflocaltime($f); def strflocaltime($f): _own_strflocaltime($f | _format);
def _own_strptime($f): strptime($f); def strptime($f): _format | _own_strptime($f | _format);
def from_entries: map({ (.key // .Key // .name // .Name): if has("value") then .value else .Value end }) | add // {};
def with_entries(f): to_entries | map(f) | from_entries;
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);
def JOIN($idx; f): [.[] | [., $idx[f]]];
def JOIN($idx; stream; f): stream | [., $idx[f]];
def JOIN($idx; stream; f; g): stream | [., $idx[f]] | g;

# Calculated in as many rounds as the order says.
def _own_jn(n; x): jn(n; x);         def jn(n; x): _own_jn(n | _order; x);
def _own_yn(n; x): yn(n; x);         def yn(n; x): _own_yn(n | _order; x);

# Set by path. Deleting writes into every part of a value, also into those
# that it shares with others, so it is given a copy.
def _own_setpath(p; v): setpath(p; v);
def setpath(p; v): v as $v | p as $p | _path($p) | _own_setpath($p; $v);
def _own_getpath($p): getpath($p);   def getpath($p): _path($p) | _own_getpath($p);
def _own_delpaths($p): delpaths($p); def delpaths($p): _copied | _own_delpaths($p | _sortable(.));
def del(f): delpaths([path(f)]);
def map_values(f): .[] |= f;
def walk(f): def _walk: if type == "array" then map(_walk) elif type == "object" then map_values(_walk) end | f; _walk;
def pick(f): . as $v | reduce path(f) as $p (null; setpath($p; $v | getpath($p)));
def fromstream(f):
  foreach f as $pv (null;
    if .e then null end | $pv as [$p, $v] |
    if $pv | length == 2 then setpath(["v"] + $p; $v) | setpath(["e"]; $p | length == 0)
    else setpath(["e"]; $p | length == 1) end;
    if .e then .v else empty end);
def nth($n): .[$n];
def nth($n; g): if $n >= 0 then first(skip($n; g)) else error("nth doesn't support negative index") end;

# Matched. What is not here is written with match in gojq.
def match($re; $f): _matchable($re; $f) | _match($re; $f; false)[];
def match($re): if $re | type == "array" then match($re[0]; $re[1]) else match($re; null) end;
def test($re; $f): _matchable($re; null) | _match($re; $f; true);
def test($re): if $re | type == "array" then test($re[0]; $re[1]) else test($re; null) end;
def capture($re; $f): match($re; $f) | .captures | _captures;
def capture($re): if $re | type == "array" then capture($re[0]; $re[1]) else capture($re; null) end;
def scan($re; $f): match($re; $f + "g") | if .captures == [] then .string else [.captures[].string] end;
def scan($re): scan($re; null);
def splits($re; $f):
  .[foreach (match($re; $f + "g"), null) as {$offset, $length}
      (null; {start: .next, end: $offset, next: $offset + $length})];
def splits($re): splits($re; null);
def split($re; $f): [splits($re; $f)];
def sub($re; str; $f):
  reduce match($re; $f) as {$offset, $length, $captures}
    ({s: ., r: []};
      reduce ($captures | _captures | str) as $s
        (.i = 0; .r[.i] += .s[.next:$offset] + $s | .i += 1) |
      .next = $offset + $length) | .r[] + .s[.next:] // .s;
def sub($re; str): sub($re; str; null);
def gsub($re; str; $f): sub($re; str; $f + "g");
def gsub($re; str): sub($re; str; "g");
