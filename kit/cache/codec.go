package cache

import (
	"encoding/json"
)

// Codec turns values into bytes and back. Decode must not keep data, which the
// caller may share. An error of Decode makes the entry count as missing.
type Codec[V any] interface {
	Encode(v V) ([]byte, error)
	Decode(data []byte) (V, error)
}

// JSON is the default codec.
type JSON[V any] struct{}

// Encode returns the JSON of v.
func (JSON[V]) Encode(v V) ([]byte, error) { return json.Marshal(v) }

// Decode reads JSON.
func (JSON[V]) Decode(data []byte) (v V, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}

// String stores strings as they are.
type String struct{}

// Encode returns the bytes of v.
func (String) Encode(v string) ([]byte, error) { return []byte(v), nil }

// Decode returns data as a string.
func (String) Decode(data []byte) (string, error) { return string(data), nil }

// Bytes stores byte slices as they are.
type Bytes struct{}

// Encode returns v itself.
func (Bytes) Encode(v []byte) ([]byte, error) { return v, nil }

// Decode returns a copy of data.
func (Bytes) Decode(data []byte) ([]byte, error) { return append([]byte(nil), data...), nil }
