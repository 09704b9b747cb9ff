package sqlite

import (
	"fmt"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// maxMemory is the most bytes that SQLite may allocate for one statement. Its
// own limit, hard_heap_limit, is for the whole process, in which the store of
// runs uses SQLite too.
const maxMemory = 96 << 20

// meter counts the bytes that one connection allocates during a statement.
// Only the goroutine that runs the statement uses it.
type meter struct {
	handle
	used, most int64
	maxRow     int64
	refused    bool // an allocation was refused
	wide       bool // the row is larger than maxRow and was emptied
	explains   bool // the statement is EXPLAIN
	// times has the texts of the row that the driver may read as times, by column.
	times map[int]string
}

// meters has the meter of each connection that runs a statement, by the thread
// state of the connection. SQLite passes that to every allocation. Connections
// without a meter, such as those of the store, are not limited.
var meters sync.Map // *libc.TLS to *meter

// metered is the number of meters. The store's statements only read it.
var metered atomic.Int32

// allocator has SQLite's own functions, which count passes on to.
var allocator struct {
	malloc  func(tls *libc.TLS, n int32) uintptr
	free    func(tls *libc.TLS, p uintptr)
	realloc func(tls *libc.TLS, p uintptr, n int32) uintptr
	size    func(tls *libc.TLS, p uintptr) int32
}

// counting is the error of count.
var counting = count()

// count makes SQLite allocate through the meters. It must be called before
// SQLite is used.
func count() error {
	tls := libc.NewTLS()
	defer tls.Close()
	const size = int(unsafe.Sizeof(lib.Tsqlite3_mem_methods{}))
	at := tls.Alloc(size + 16)
	defer tls.Free(size + 16)
	args := at + uintptr(size)
	methods := *(**lib.Tsqlite3_mem_methods)(unsafe.Pointer(&at))
	if rc := lib.Xsqlite3_config(tls, lib.SQLITE_CONFIG_GETMALLOC, libc.VaList(args, at)); rc != lib.SQLITE_OK {
		return fmt.Errorf("bounding the memory of SQLite: reading its allocator: error %d", rc)
	}
	allocator.malloc = function[func(*libc.TLS, int32) uintptr](methods.FxMalloc)
	allocator.free = function[func(*libc.TLS, uintptr)](methods.FxFree)
	allocator.realloc = function[func(*libc.TLS, uintptr, int32) uintptr](methods.FxRealloc)
	allocator.size = function[func(*libc.TLS, uintptr) int32](methods.FxSize)
	methods.FxMalloc, methods.FxFree, methods.FxRealloc = pointer(malloc), pointer(free), pointer(realloc)
	if rc := lib.Xsqlite3_config(tls, lib.SQLITE_CONFIG_MALLOC, libc.VaList(args, at)); rc != lib.SQLITE_OK {
		return fmt.Errorf("bounding the memory of SQLite: error %d: it was used before the package executors/sql was loaded", rc)
	}
	return nil
}

// pointer and function convert between Go functions of the top level and the
// function pointers of the library.
func pointer[F any](f F) uintptr  { return *(*uintptr)(unsafe.Pointer(&f)) }
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

func malloc(tls *libc.TLS, n int32) uintptr {
	m := meterOf(tls)
	if !m.take(n) {
		return 0
	}
	return allocator.malloc(tls, n)
}

func free(tls *libc.TLS, p uintptr) {
	if m := meterOf(tls); m != nil && p != 0 {
		m.used -= cost(allocator.size(tls, p))
	}
	allocator.free(tls, p)
}

func realloc(tls *libc.TLS, p uintptr, n int32) uintptr {
	m := meterOf(tls)
	if m == nil {
		return allocator.realloc(tls, p, n)
	}
	before := cost(allocator.size(tls, p))
	if !m.take(n) { // both exist while the bytes are copied
		return 0
	}
	made := allocator.realloc(tls, p, n)
	if made == 0 {
		before = cost(n)
	}
	m.used -= before
	return made
}

func meterOf(tls *libc.TLS) *meter {
	if metered.Load() == 0 {
		return nil
	}
	found, _ := meters.Load(tls)
	m, _ := found.(*meter)
	return m
}

// take counts an allocation. It returns false if the limit does not allow it.
func (m *meter) take(n int32) bool {
	if m == nil {
		return true
	}
	if m.used+cost(n) > m.most {
		// Some functions go on without the memory, without an end.
		m.refused = true
		lib.Xsqlite3_interrupt(m.tls, m.db)
		return false
	}
	m.used += cost(n)
	return true
}

// cost returns the bytes that an allocation takes: with SQLite's header, and
// rounded up as the allocator rounds.
func cost(n int32) int64 {
	all := uint64(n) + 8
	if all <= 16<<10 {
		return 1 << bits.Len64(max(16, all)-1)
	}
	return int64(all)
}

// measure empties the row that a statement is about to return if it is too
// large: the driver would copy each column, and many columns can share a value.
// It keeps the texts of columns that the driver converts.
func measure(tls *libc.TLS, _ uint32, _, statement, _ uintptr) int32 {
	m := meterOf(tls)
	if m == nil {
		return 0
	}
	var row int64
	for i := range lib.Xsqlite3_column_count(tls, statement) {
		switch lib.Xsqlite3_column_type(tls, statement, i) {
		case lib.SQLITE_TEXT, lib.SQLITE_BLOB:
			row += int64(lib.Xsqlite3_column_bytes(tls, statement, i))
		}
	}
	if m.wide = row > m.maxRow; m.wide {
		// Without a row, all columns are null.
		(*(**lib.TVdbe)(unsafe.Pointer(&statement))).FpResultRow = 0
		return 0
	}
	for i := range lib.Xsqlite3_column_count(tls, statement) {
		if declared := lib.Xsqlite3_column_decltype(tls, statement, i); declared != 0 && converted[strings.ToUpper(libc.GoString(declared))] &&
			lib.Xsqlite3_column_type(tls, statement, i) == lib.SQLITE_TEXT {
			if text := lib.Xsqlite3_column_text(tls, statement, i); text != 0 {
				m.times[int(i)] = string(libc.GoBytes(text, int(lib.Xsqlite3_column_bytes(tls, statement, i))))
			}
		}
	}
	return 0
}

// converted lists the declared types whose texts the driver reads as times. It
// would write them in another form, and with a zone that they do not have.
var converted = map[string]bool{"DATE": true, "DATETIME": true, "TIMESTAMP": true}

// measured makes a connection report its rows to measure.
func (h handle) measured() {
	lib.Xsqlite3_trace_v2(h.tls, h.db, lib.SQLITE_TRACE_ROW, pointer(measure), 0)
}

// meter bounds the connection until stop is called.
func (h handle) meter(most int64, request backend.Request) (m *meter, stop func()) {
	m = &meter{handle: h, most: most, maxRow: int64(request.MaxBytes), times: map[int]string{},
		explains: backend.FirstWord(request.Query, backend.SQLite) == "explain"}
	meters.Store(h.tls, m)
	metered.Add(1)
	return m, func() {
		meters.Delete(h.tls)
		metered.Add(-1)
	}
}

// tooMuch is the error of a statement that needs more memory than it may have.
func (m *meter) tooMuch() error {
	return executors.Errorf(executors.ExecutionError, "the query needs more than %d MiB of memory", m.most>>20).WithField("query").WithCode("SQLITE_NOMEM").
		WithHint("select fewer or shorter columns, filter before sorting, grouping and joining, or page with LIMIT and a condition on an indexed column")
}
