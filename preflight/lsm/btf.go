package lsm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
)

// This file reads what the check needs of the kernel's BTF (the format is in
// Documentation/bpf/btf.rst) without building a type graph: names of functions
// and their ids, in one pass over some megabytes.

const (
	btfHeaderSize = 24 // struct btf_header, include/uapi/linux/btf.h
	btfTypeSize   = 12 // struct btf_type
	btfKindUnion  = 5
	btfKindFunc   = 12
	btfMemberSize = 12 // struct btf_member
)

// btfExtra is how many bytes follow struct btf_type, by kind: a fixed number
// and a number for each of vlen.
var btfExtra = map[uint32]struct{ fixed, each uint64 }{
	1:  {4, 0},  // INT
	2:  {0, 0},  // PTR
	3:  {12, 0}, // ARRAY
	4:  {0, 12}, // STRUCT
	5:  {0, 12}, // UNION
	6:  {0, 8},  // ENUM
	7:  {0, 0},  // FWD
	8:  {0, 0},  // TYPEDEF
	9:  {0, 0},  // VOLATILE
	10: {0, 0},  // CONST
	11: {0, 0},  // RESTRICT
	12: {0, 0},  // FUNC
	13: {0, 8},  // FUNC_PROTO
	14: {4, 0},  // VAR
	15: {0, 12}, // DATASEC
	16: {0, 0},  // FLOAT
	17: {4, 0},  // DECL_TAG
	18: {0, 0},  // TYPE_TAG
	19: {0, 12}, // ENUM64
}

// btfBlob is raw BTF, cut into its sections.
type btfBlob struct {
	order binary.ByteOrder
	types []byte
	text  []byte // the string section
}

func parseBTF(raw []byte) (btfBlob, error) {
	if len(raw) < btfHeaderSize {
		return btfBlob{}, fmt.Errorf("BTF: %d bytes are no header", len(raw))
	}
	var b btfBlob
	switch {
	case raw[0] == 0x9f && raw[1] == 0xeb:
		b.order = binary.LittleEndian
	case raw[0] == 0xeb && raw[1] == 0x9f:
		b.order = binary.BigEndian
	default:
		return btfBlob{}, fmt.Errorf("BTF: magic number is %#x %#x", raw[0], raw[1])
	}
	section := func(what string, at int) ([]byte, error) {
		start := uint64(b.order.Uint32(raw[4:])) + uint64(b.order.Uint32(raw[at:]))
		end := start + uint64(b.order.Uint32(raw[at+4:]))
		if end > uint64(len(raw)) {
			return nil, fmt.Errorf("BTF: %s end at byte %d of %d", what, end, len(raw))
		}
		return raw[start:end], nil
	}
	var err error
	if b.types, err = section("types", 8); err != nil {
		return btfBlob{}, err
	}
	b.text, err = section("strings", 16)
	return b, err
}

// hasName reports whether name is a string of the BTF. The name of a function
// is there if and only if the function is: the kernel's BTF names nothing that
// it does not describe.
func (b btfBlob) hasName(name string) bool {
	return bytes.Contains(b.text, []byte("\x00"+name+"\x00"))
}

// functions returns the type ids of the functions whose names begin with prefix
// and go on with the name of a member of a union.
func (b btfBlob) functions(prefix, union string) (map[string]uint32, error) {
	found, members := map[string]uint32{}, map[string]bool{}
	id := uint32(0)
	for at := uint64(0); at < uint64(len(b.types)); {
		id++
		if at+btfTypeSize > uint64(len(b.types)) {
			return nil, fmt.Errorf("BTF: type %d ends beyond its section", id)
		}
		name, info := b.order.Uint32(b.types[at:]), b.order.Uint32(b.types[at+4:])
		kind, vlen := info>>24&0x1f, uint64(info&0xffff)
		extra, ok := btfExtra[kind]
		if !ok {
			return nil, fmt.Errorf("BTF: type %d is of kind %d, which is not known", id, kind)
		}
		switch text, ok := b.nameAt(name); {
		case !ok:
		case kind == btfKindFunc && strings.HasPrefix(text, prefix):
			found[text] = id
		case kind == btfKindUnion && text == union:
			for member := at + btfTypeSize; member < at+btfTypeSize+vlen*btfMemberSize && member+4 <= uint64(len(b.types)); member += btfMemberSize {
				if text, ok := b.nameAt(b.order.Uint32(b.types[member:])); ok {
					members[prefix+text] = true
				}
			}
		}
		at += btfTypeSize + extra.fixed + extra.each*vlen
	}
	maps.DeleteFunc(found, func(name string, _ uint32) bool { return !members[name] })
	return found, nil
}

func (b btfBlob) nameAt(offset uint32) (string, bool) {
	if uint64(offset) >= uint64(len(b.text)) {
		return "", false
	}
	name, _, ok := bytes.Cut(b.text[offset:], []byte{0})
	return string(name), ok
}
