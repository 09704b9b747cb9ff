package grpc

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers what messages are written in
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// What is wrong with a message of few bytes that would become much more.
var (
	errHeavy = errors.New("it is larger than what a result may hold")
	errDeep  = errors.New("its messages are nested too deep")
)

// weight is what a message becomes once it is read and written as JSON, at
// least. Two bytes on the wire are an empty message inside of another, and a
// thousand times as much in memory.
type weight struct {
	left int
	each int // what a message takes, whatever it holds
}

// maxNesting is how deep messages may be in each other.
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
			// Its own bytes have been counted.
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

// perMessage is what the least message takes as JSON, but for its names.
const perMessage = 32

// weighing is how messages are read: not before it is known what they weigh.
type weighing struct {
	encoding.CodecV2
	most int
}

func newWeighing(most int) weighing { return weighing{encoding.GetCodecV2("proto"), most} }

// Name is empty, which leaves the content type as it is without us.
func (c weighing) Name() string { return "" }

// Unmarshal reads a message that is not too heavy.
func (c weighing) Unmarshal(data mem.BufferSlice, into any) error {
	message, ok := into.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", into)
	}
	w := weight{c.most, perMessage}
	if err := w.add(message.ProtoReflect().Descriptor(), data.Materialize(), 0); err != nil {
		return err
	}
	return c.CodecV2.Unmarshal(data, into)
}
