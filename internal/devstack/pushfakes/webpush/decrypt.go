package webpushfake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// errEncryption is what a browser makes of a message that is not encrypted for it as it has to be: nothing is shown.
var errEncryption = errors.New("webpushfake: it cannot be decrypted")

// decrypt undoes aes128gcm as Web Push has it: one record, whose keyid is the sender's public key (RFC 8188, 2; RFC 8291, 3 and 4).
func decrypt(private *ecdh.PrivateKey, auth, body []byte) ([]byte, error) {
	const fixed = 16 + 4 + 1
	if len(body) < fixed || len(body) < fixed+int(body[fixed-1]) {
		return nil, errEncryption
	}
	salt, size, keyid := body[:16], binary.BigEndian.Uint32(body[16:20]), body[fixed:fixed+int(body[fixed-1])]
	record := body[fixed+len(keyid):]
	// A record of size bytes that is not the last would go on in another; one that is can be shorter.
	if size < 18 || len(record) > int(size) {
		return nil, errEncryption
	}
	sender, err := ecdh.P256().NewPublicKey(keyid)
	if err != nil {
		return nil, errEncryption
	}
	shared, err := private.ECDH(sender)
	if err != nil {
		return nil, errEncryption
	}
	ikm, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(private.PublicKey().Bytes())+string(keyid), 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, errEncryption
	}
	// The last record ends with 2 and zeros.
	end := len(plain) - 1
	for end >= 0 && plain[end] == 0 {
		end--
	}
	if end < 0 || plain[end] != 2 {
		return nil, errEncryption
	}
	return plain[:end], nil
}
