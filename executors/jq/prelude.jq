# Builtins whose one step could take far longer, or far more memory, than the
# bounds of a run: each is put behind a check of what it is given. A pair of
# definitions wraps one builtin: the first keeps the builtin's own name
# reachable, the second takes its place in the caller's program. This file is
# rewritten like a caller's program, so its operators are guarded too. The
# checks (_bounded, _small, …) are in guard.go.

def _add(l; r): l + r;
def _subtract(l; r): l - r;
def _multiply(l; r): l * r;
def _divide(l; r): l / r;

# Written out, or walked to the leaves.
def _own_tojson: tojson;             def tojson: _bounded | _own_tojson;
def _own_tostring: tostring;         def tostring: _bounded | _own_tostring;
def _own_format($f): format($f);     def format($f): _bounded | _own_format($f);
def _own_tohtml: _tohtml;            def _tohtml: _bounded | _own_tohtml;
def _own_touri: _touri;              def _touri: _bounded | _own_touri;
def _own_tourid: _tourid;            def _tourid: _bounded | _own_tourid;
def _own_tocsv: _tocsv;              def _tocsv: _bounded | _own_tocsv;
def _own_totsv: _totsv;              def _totsv: _bounded | _own_totsv;
def _own_tosh: _tosh;                def _tosh: _bounded | _own_tosh;
def _own_tobase64: _tobase64;        def _tobase64: _bounded | _own_tobase64;
def _own_tobase64d: _tobase64d;      def _tobase64d: _bounded | _own_tobase64d;
def _own_flatten: flatten;           def flatten: _bounded | _own_flatten;
def _own_flatten($d): flatten($d);   def flatten($d): _bounded | _own_flatten($d);
def _own_halt_error: halt_error;     def halt_error: _bounded | _own_halt_error;
def _own_halt_error($c): halt_error($c); def halt_error($c): _bounded | _own_halt_error($c);
def _own_error: error;               def error: _bounded | _own_error;
def _own_error(f): error(f);         def error(f): _own_error(f | _bounded);

# Compared.
def _own_sort: sort;                 def sort: _bounded | _own_sort;
def _own_sort_by(f): sort_by(f);     def sort_by(f): _own_sort_by(f | _bounded);
def _own_group_by(f): group_by(f);   def group_by(f): _own_group_by(f | _bounded);
def _own_unique: unique;             def unique: _bounded | _own_unique;
def _own_unique_by(f): unique_by(f); def unique_by(f): _own_unique_by(f | _bounded);
def _own_min: min;                   def min: _bounded | _own_min;
def _own_min_by(f): min_by(f);       def min_by(f): _own_min_by(f | _bounded);
def _own_max: max;                   def max: _bounded | _own_max;
def _own_max_by(f): max_by(f);       def max_by(f): _own_max_by(f | _bounded);
def _own_bsearch($x): bsearch($x);   def bsearch($x): _own_bsearch($x | _bounded);
def _own_contains($x): contains($x); def contains($x): _product($x) | _own_contains($x);
def _own_inside($x): inside($x);     def inside($x): _product($x) | _own_inside($x);
def _own_indices($x): indices($x);   def indices($x): _product($x) | _own_indices($x);
def _own_index($x): index($x);       def index($x): _product($x) | _own_index($x);
def _own_rindex($x): rindex($x);     def rindex($x): _product($x) | _own_rindex($x);
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);

# Grown.
def _own_add: add;                   def add: _addable | _own_add;
def add(f): [f] | add;
def _own_join($s): join($s);         def join($s): _joinable($s) | _own_join($s);
def _own_transpose: transpose;       def transpose: _table | _own_transpose;
def _own_explode: explode;           def explode: _short | _own_explode;
def _own_split($s): split($s);       def split($s): _short | _own_split($s);
def _own_tonumber: tonumber;         def tonumber: _numeral | _own_tonumber;
def _own_fromjson: fromjson;         def fromjson: _document | _own_fromjson;
def from_entries: map({ (.key // .Key // .name // .Name): if has("value") then .value else .Value end }) | add // {};
def with_entries(f): to_entries | map(f) | from_entries;
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);

# Set by path. Deleting writes into every part of a value, also into those
# that it shares with others, so it is given a copy.
def _own_setpath(p; v): setpath(p; v); def setpath(p; v): _own_setpath(p | _path; v);
def _own_getpath($p): getpath($p);   def getpath($p): _own_getpath($p | _path);
def _own_delpaths($p): delpaths($p); def delpaths($p): _copied | _own_delpaths($p | _bounded);
def _own_del(f): del(f);             def del(f): _copied | _own_del(f);
def map_values(f): .[] |= f;
def _own_fromstream(f): fromstream(f); def fromstream(f): _own_fromstream(f | _event);
def nth($n): .[$n];
def nth($n; g): if $n >= 0 then first(skip($n; g)) else error("nth doesn't support negative index") end;

# Matched: the cost is the number of matches times the length of the text.
def _own_match($re; $f): match($re; $f);
def match($re; $f): _matchable($re; $f) | _own_match($re; $f);
def match($re): if $re | type == "array" then match($re[0]; $re[1]) else match($re; null) end;
def _own_test($re; $f): test($re; $f);
def test($re; $f): _matchable($re; null) | _own_test($re; $f);
def test($re): if $re | type == "array" then test($re[0]; $re[1]) else test($re; null) end;
def _own_capture($re; $f): capture($re; $f);
def capture($re; $f): _matchable($re; $f) | _own_capture($re; $f);
def capture($re): if $re | type == "array" then capture($re[0]; $re[1]) else capture($re; null) end;
def _own_scan($re; $f): scan($re; $f);
def scan($re; $f): _matchable($re; "g") | _own_scan($re; $f);
def scan($re): scan($re; null);
def _own_splits($re; $f): splits($re; $f);
def splits($re; $f): _matchable($re; "g") | _own_splits($re; $f);
def splits($re): splits($re; null);
def split($re; $f): [splits($re; $f)];
def _own_sub($re; str; $f): sub($re; str; $f);
def sub($re; str; $f): _matchable($re; $f) | _own_sub($re; str; $f);
def sub($re; str): sub($re; str; null);
def gsub($re; str; $f): _matchable($re; "g") | _own_sub($re; str; $f + "g");
def gsub($re; str): gsub($re; str; null);
