package peers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

func TestStartPostgres(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t, "max_connections=17")
	conn, err := pgx.Connect(context.Background(), server.Superuser())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var got string
	if err := conn.QueryRow(context.Background(), "show max_connections").Scan(&got); err != nil || got != "17" {
		t.Errorf("got %q, %v", got, err)
	}
}
