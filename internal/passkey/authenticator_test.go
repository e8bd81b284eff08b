package passkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// authenticator is a security key in memory, with one passkey.
type authenticator struct {
	t          *testing.T
	origin     string // the page that asks
	site       string // relying party id
	key        *ecdsa.PrivateKey
	id, owner  []byte
	counter    uint32
	unverified bool // does not ask the person for a PIN
}

func newAuthenticator(t *testing.T, origin, site string) *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{t: t, origin: origin, site: site, key: key, id: make([]byte, 16)}
	rand.Read(a.id)
	return a
}

var b64 = base64.RawURLEncoding

func (a *authenticator) clientData(kind string, options map[string]any) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": options["challenge"],
		"origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// data is the authenticator data, with a new key's if there is one.
func (a *authenticator) data(key []byte) []byte {
	hash := sha256.Sum256([]byte(a.site))
	flags := byte(1)
	if !a.unverified {
		flags |= 4
	}
	if key != nil {
		flags |= 64
	}
	out := binary.BigEndian.AppendUint32(append(hash[:], flags), a.counter)
	if key != nil {
		out = append(out, make([]byte, 16)...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(a.id)))
		out = append(append(out, a.id...), key...)
	}
	return out
}

// create makes the passkey, as navigator.credentials.create does.
func (a *authenticator) create(options map[string]any) map[string]any {
	owner, err := b64.DecodeString(options["user"].(map[string]any)["id"].(string))
	if err != nil {
		a.t.Fatal(err)
	}
	a.owner = owner
	point, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		a.t.Fatal(err)
	}
	// COSE: {1: 2, 3: -7, -1: 1, -2: x, -3: y}
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 32), point[33:]...)
	data := a.data(cose)
	// {"fmt": "none", "attStmt": {}, "authData": data}
	object := []byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58")
	object = append(append(object, byte(len(data))), data...)
	return a.answer(map[string]any{
		"clientDataJSON":    b64.EncodeToString(a.clientData("webauthn.create", options)),
		"attestationObject": b64.EncodeToString(object), "transports": []any{"internal"},
	})
}

// get signs a challenge, as navigator.credentials.get does.
func (a *authenticator) get(options map[string]any) map[string]any {
	client, data := a.clientData("webauthn.get", options), a.data(nil)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(a.owner),
	})
}

func (a *authenticator) answer(response map[string]any) map[string]any {
	id := b64.EncodeToString(a.id)
	return map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}, "authenticatorAttachment": "platform"}
}
