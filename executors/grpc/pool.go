package grpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/policy/breaker"
)

const (
	maxPeers   = 64
	maxMessage = 10 << 20
	// idle is how long an unused connection stays open.
	idle = time.Minute
)

// pool keeps one client connection per target. The library opens it, shares it
// between calls and closes it when idle.
type pool struct {
	mu     sync.Mutex
	peers  map[key]*peer
	closed bool
}

type key struct {
	pol *policy.Policy
	target
}

// peer is a server with its client connection.
type peer struct {
	key
	conn    *rpc.ClientConn
	refused atomic.Pointer[error] // why the last dial was refused; nil: it was not
	known   sync.Map              // schemas from reflection, by service
	uses    int
	last    time.Time
	broken  bool // not in the pool; closed after its last call
}

func newPool() *pool { return &pool{peers: map[key]*peer{}} }

func (p *pool) get(pol *policy.Policy, to target) (*peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, executors.Errorf(executors.Interrupted, "the server is stopping")
	}
	one := p.peers[key{pol, to}]
	if one == nil {
		var err error
		if one, err = newPeer(pol, to); err != nil {
			return nil, executors.Errorf(executors.ValidationError, "server is not usable: %w", err).WithField("server")
		}
		p.evict()
		p.peers[one.key] = one
	}
	one.uses++
	return one, nil
}

func (p *pool) put(one *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.uses--
	one.last = time.Now()
	if one.broken && one.uses == 0 {
		_ = one.conn.Close() // an error has no effect here
	}
}

// dropUnreachable removes a peer after a failure that its connection may have caused:
// the library would keep a dead connection until the system drops it, and
// repeat a dial error for a while.
func (p *pool) dropUnreachable(one *peer, err error) {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.broken = true; p.peers[one.key] == one {
		delete(p.peers, one.key)
	}
}

// evict closes the least recently used idle peer if the pool is full.
func (p *pool) evict() {
	var oldest *peer
	for _, each := range p.peers {
		if each.uses == 0 && (oldest == nil || each.last.Before(oldest.last)) {
			oldest = each
		}
	}
	if len(p.peers) >= maxPeers && oldest != nil {
		delete(p.peers, oldest.key)
		_ = oldest.conn.Close() // an error has no effect here
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, each := range p.peers {
		errs = append(errs, each.conn.Close())
	}
	clear(p.peers)
	return errors.Join(errs...)
}

func newPeer(pol *policy.Policy, to target) (*peer, error) {
	one := &peer{key: key{pol, to}}
	secure := insecure.NewCredentials()
	if cfg := to.config(); cfg != nil {
		secure = credentials.NewTLS(cfg)
	}
	conn, err := rpc.NewClient("passthrough:///"+to.address,
		rpc.WithContextDialer(one.dial),
		rpc.WithTransportCredentials(secure),
		rpc.WithNoProxy(),
		rpc.WithDisableServiceConfig(), // ignore retry settings from a resolver
		rpc.WithDisableRetry(),
		rpc.WithUserAgent("chainwright"),
		rpc.WithIdleTimeout(idle),
		rpc.WithMaxHeaderListSize(64<<10),
		rpc.WithConnectParams(rpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, MaxDelay: 5 * time.Second}, MinConnectTimeout: 20 * time.Second}),
		rpc.WithDefaultCallOptions(rpc.MaxCallRecvMsgSize(maxMessage), rpc.MaxCallSendMsgSize(maxMessage)),
	)
	one.conn = conn
	return one, err
}

// dial connects through the policy and its circuit breaker. It records their
// refusal, because the library keeps only the text of errors.
func (o *peer) dial(ctx context.Context, _ string) (net.Conn, error) {
	dial := o.pol.DialContext
	if o.connection != "" {
		dial = o.pol.DialTrusted
	}
	conn, err := dial(ctx, "tcp", o.address)
	if errors.As(err, new(*policy.Denied)) || errors.As(err, new(*breaker.Open)) {
		o.refused.Store(&err)
	} else {
		o.refused.Store(nil)
	}
	return conn, err
}
