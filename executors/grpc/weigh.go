package grpc

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the proto codec
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// errHeavy and errDeep are returned for small messages that would need far more
// memory when decoded.
var (
	errHeavy = errors.New("it is larger than the limit of a result")
	errDeep  = errors.New("its messages are nested too deeply")
)

// weight estimates the minimum size of a message when it is decoded and encoded
// as JSON, before decoding it. Two bytes on the wire can be an empty nested
// message that takes a thousand times as much memory.
type weight struct {
	left int
	each int // minimum size of any message
}

// maxNesting is the deepest nesting of messages.
const maxNesting = 100

func (w *weight) add(desc protoreflect.MessageDescriptor, raw []byte, depth int) error {
	if w.left -= w.each + len(raw); w.left < 0 {
		return errHeavy
	}
	if depth > maxNesting {
		return errDeep
	}
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return protowire.ParseError(n)
		}
		raw = raw[n:]
		if n = protowire.ConsumeFieldValue(number, kind, raw); n < 0 {
			return protowire.ParseError(n)
		}
		if field := desc.Fields().ByNumber(number); field != nil && field.Message() != nil && kind == protowire.BytesType {
			inside, _ := protowire.ConsumeBytes(raw)
			// These bytes were already counted.
			w.left += len(inside)
			if err := w.add(field.Message(), inside, depth+1); err != nil {
				return err
			}
		} else if w.left--; w.left < 0 {
			return errHeavy
		}
		raw = raw[n:]
	}
	return nil
}

// perMessage is the minimum size of a message as JSON, without field names.
const perMessage = 32

// weighing is a codec that checks the weight of a message before decoding it.
type weighing struct {
	encoding.CodecV2
	most int
}

func newWeighing(most int) weighing { return weighing{encoding.GetCodecV2("proto"), most} }

// Name returns "", which keeps the default content type.
func (c weighing) Name() string { return "" }

// Unmarshal decodes a message unless it is too heavy.
func (c weighing) Unmarshal(data mem.BufferSlice, into any) error {
	message, ok := into.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a proto.Message", into)
	}
	w := weight{c.most, perMessage}
	if err := w.add(message.ProtoReflect().Descriptor(), data.Materialize(), 0); err != nil {
		return err
	}
	return c.CodecV2.Unmarshal(data, into)
}
