package endtoend

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// orderService is a gRPC server with reflection, health and the service of
// testdata/shop.proto.
func orderService(t *testing.T, work string) *place {
	text, err := os.ReadFile("testdata/shop.proto")
	require.NoError(t, err)
	write(t, filepath.Join(work, "shop.proto"), string(text))
	compiled, err := (&protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{"testdata"}}}).Compile(t.Context(), "shop.proto")
	require.NoError(t, err)
	types := &protoregistry.Files{}
	require.NoError(t, types.RegisterFile(compiled[0]))
	require.NoError(t, types.RegisterFile(grpc_health_v1.File_grpc_health_v1_health_proto))

	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate(t).TLS)))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	orders := compiled[0].Services().Get(0)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: string(orders.FullName()), HandlerType: (*any)(nil), Metadata: "shop.proto",
		Streams: []grpc.StreamDesc{
			{StreamName: "Watch", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error { return watchOrders(orders, stream) }},
			{StreamName: "Place", ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error { return placeOrders(orders, stream) }},
		},
	}, nil)
	grpc_reflection_v1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{Services: server, DescriptorResolver: types}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		done.Wait()
	})
	authority := filepath.Join(t.TempDir(), "authority.pem")
	write(t, authority, string(certificate(t).PEM))
	shop := map[string]any{"kind": "grpc", "host": "127.0.0.1", "port": listener.Addr().(*net.TCPAddr).Port, "ca_file": authority, "token_env": "SHOP_TOKEN"}
	return &place{
		settings:  policyOf(map[string]any{"network": loopback(), "files": folder(work), "connections": map[string]any{"shop": shop}}),
		variables: []string{"SHOP_TOKEN=" + apiToken},
		trusted:   certificate(t).PEM,
		instead:   map[string]string{"api.example.com:443": listener.Addr().String()},
	}
}

// watchOrders streams a customer's two orders.
func watchOrders(orders protoreflect.ServiceDescriptor, stream grpc.ServerStream) error {
	method := orders.Methods().ByName("Watch")
	asked := dynamicpb.NewMessage(method.Input())
	if err := stream.RecvMsg(asked); err != nil {
		return err
	}
	customer := asked.Get(method.Input().Fields().ByName("customer")).String()
	if err := sendJSON(stream, method.Output(), map[string]any{"id": "1", "customer": customer, "total": 12.5}); err != nil {
		return err
	}
	return sendJSON(stream, method.Output(), map[string]any{"id": "2", "customer": customer, "total": 30})
}

// placeOrders counts the received orders, adds up their prices, and returns the
// address of the client.
func placeOrders(orders protoreflect.ServiceDescriptor, stream grpc.ServerStream) error {
	method := orders.Methods().ByName("Place")
	came, _ := metadata.FromIncomingContext(stream.Context())
	stream.SetTrailer(metadata.Pairs("x-shop", came["x-shop"][0]))
	count, total := 0, 0.0
	for ; ; count++ {
		order := dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(order); errors.Is(err, io.EOF) {
			return sendJSON(stream, method.Output(), map[string]any{"count": count, "total": total})
		} else if err != nil {
			return err
		}
		total += order.Get(method.Input().Fields().ByName("total")).Float()
	}
}

func sendJSON(stream grpc.ServerStream, kind protoreflect.MessageDescriptor, fields map[string]any) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	message := dynamicpb.NewMessage(kind)
	if err := protojson.Unmarshal(text, message); err != nil {
		return err
	}
	return stream.SendMsg(message)
}

// remoteFlow is a server of task trees that speaks the apflow protocol.
func remoteFlow(t *testing.T, _ string) *place {
	type task map[string]any
	var mu sync.Mutex
	tasks := map[string]task{"task-1": {"id": "task-1", "name": "sum", "status": "pending", "result": nil}}
	methods := map[string]func(params json.RawMessage, id string) any{
		"tasks.execute": func(_ json.RawMessage, id string) any {
			tasks[id]["status"] = "in_progress"
			return task{"success": true, "root_task_id": id, "task_id": id, "status": "started"}
		},
		"tasks.get": func(_ json.RawMessage, id string) any {
			found := tasks[id]
			now := task{"id": id, "name": found["name"], "status": found["status"], "result": found["result"]}
			if found["status"] == "in_progress" { // it is completed at the next request
				found["status"], found["result"] = "completed", map[string]any{"sum": 7}
			}
			return now
		},
		"tasks.create": func(params json.RawMessage, _ string) any {
			var list []task
			if json.Unmarshal(params, &list) != nil || len(list) == 0 {
				return nil
			}
			for _, each := range list {
				each["status"] = "pending"
				tasks[each["id"].(string)] = each
			}
			return list
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		method := func(json.RawMessage, string) any { return nil }
		if json.NewDecoder(r.Body).Decode(&request) == nil && methods[request.Method] != nil {
			method = methods[request.Method]
		}
		var params struct {
			TaskID string `json:"task_id"`
		}
		_ = json.Unmarshal(request.Params, &params) // lists have no id
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		reply := map[string]any{"jsonrpc": "2.0", "id": request.ID}
		if result := method(request.Params, params.TaskID); result != nil {
			reply["result"] = result
		} else {
			reply["error"] = map[string]any{"code": -32601, "message": "Method not found"}
		}
		_ = json.NewEncoder(w).Encode(reply)
	}))
	t.Cleanup(server.Close)
	return &place{
		settings: policyOf(map[string]any{"network": loopback()}),
		instead:  map[string]string{"http://127.0.0.1:8000": server.URL},
	}
}

// failing is a task that fails, before the task of the example fails too.
func failing(*testing.T, string) *place {
	return &place{within: func(inputs any) []any {
		return []any{
			map[string]any{"id": "south", "executor": "data_processor", "allow_failure": true, "inputs": map[string]any{"data": 1, "operation": "jq", "program": `error("no prices")`}},
			map[string]any{"id": "stop", "executor": "fail", "allow_failure": true, "inputs": inputs, "dependencies": []any{map[string]any{"id": "south", "required": false}}},
		}
	}}
}

// branches are two tasks that the task of the example depends on.
func branches(*testing.T, string) *place {
	count := func(id string, customers ...string) map[string]any {
		return map[string]any{"id": id, "schemas": map[string]any{"method": "data_processor"}, "inputs": map[string]any{"data": customers, "operation": "count"}}
	}
	return &place{within: func(inputs any) []any {
		return []any{
			count("north", "Ada", "Bob", "Eve"), count("south", "Ida", "Leo"),
			map[string]any{"id": "both", "schemas": map[string]any{"method": "aggregate_results_executor"}, "dependencies": []string{"north", "south"}, "inputs": inputs},
		}
	}}
}
