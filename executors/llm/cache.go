package llm

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Cache keeps the most recently used replies in memory, by the hash of the whole
// request. Equal requests in flight are sent once. It is safe for concurrent use.
//
// It is written by hand: golang-lru counts entries, not bytes, and singleflight
// ends all waiting callers when the first one is cancelled.
type Cache struct {
	most int

	mu     sync.Mutex
	byKey  map[key]*list.Element
	recent list.List // of *kept, most recently used first
	size   int
	flying map[key]chan struct{}
}

type key [sha256.Size]byte

type kept struct {
	key   key
	reply Reply
	size  int
}

// NewCache returns a cache for about that many bytes of replies.
func NewCache(bytes int) *Cache {
	return &Cache{most: bytes, byKey: map[key]*list.Element{}, flying: map[key]chan struct{}{}}
}

// keyOf hashes everything that determines a reply.
func keyOf(provider model.Provider, req model.Request) key {
	var schema json.RawMessage
	if req.Schema != nil {
		schema = req.Schema.JSON()
	}
	whole, err := plainjson.Marshal([]any{
		provider.Name(), provider.Endpoint(), req.Model, req.Messages, req.Temperature, req.MaxTokens, req.Seed, schema,
	})
	if err != nil {
		panic("llm: a request can't be hashed: " + err.Error()) // strings and numbers can always be encoded
	}
	return sha256.Sum256(whole)
}

// do returns the cached reply, waits for an equal request in flight, or calls
// get. Errors are not cached.
func (c *Cache) do(ctx context.Context, k key, get func() (Reply, error)) (Reply, error) {
	for {
		reply, ok, flight := c.look(k)
		switch {
		case ok:
			return reply, nil
		case flight == nil:
			return c.fly(k, get)
		}
		select {
		case <-flight:
		case <-ctx.Done():
			return Reply{}, ctx.Err()
		}
	}
}

func (c *Cache) look(k key) (reply Reply, ok bool, flight chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, there := c.byKey[k]; there {
		c.recent.MoveToFront(e)
		reply = e.Value.(*kept).reply
		reply.Usage, reply.Cached = Usage{}, true
		return reply, true, nil
	}
	if flight = c.flying[k]; flight == nil {
		c.flying[k] = make(chan struct{})
	}
	return Reply{}, false, flight
}

func (c *Cache) fly(k key, get func() (Reply, error)) (reply Reply, err error) {
	done := false
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if done && err == nil {
			c.keep(k, reply)
		}
		close(c.flying[k])
		delete(c.flying, k)
	}()
	reply, err = get()
	done = true
	return reply, err
}

func (c *Cache) keep(k key, reply Reply) {
	size := len(reply.Text) + len(reply.JSON) + len(reply.Reasoning) + 256
	if size > c.most {
		return
	}
	c.byKey[k] = c.recent.PushFront(&kept{k, reply, size})
	for c.size += size; c.size > c.most; {
		last := c.recent.Remove(c.recent.Back()).(*kept)
		c.size -= last.size
		delete(c.byKey, last.key)
	}
}
