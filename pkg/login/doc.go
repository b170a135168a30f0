// Package login signs people and services in: an OAuth 2.0 authorization server (RFC 6749, 7009, 7636, 7662, 9068) and OpenID provider
// (OpenID Connect Core, Discovery and RP-Initiated Logout 1.0) for deployments that have none of their own. The protocol is ory/fosite's;
// what is kept is in pkg/accounts, and that somebody signed in, and out, is in their self session.
//
// Access tokens are JWTs that whoever has the keys checks alone (pkg/gateway/auth). A refresh token serves once: it is replaced by the next
// one, and who comes with an old one ends the login for everybody who has it. Whether a login goes on is the self session's to say.
package login
