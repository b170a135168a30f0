"""An OAuth and OpenID client that others wrote (authlib) against a login server. What it is to do comes as JSON on standard input; it prints what it got."""
import json
import os
import sys

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # on loopback

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

task = json.load(sys.stdin)
issuer = task["issuer"]
found = requests.get(issuer + "/.well-known/openid-configuration", timeout=10).json()
keys = KeySet.import_key_set(requests.get(found["jwks_uri"], timeout=10).json())
out = {}


def error(call):
    try:
        call()
    except OAuthError as e:
        return e.error
    return "taken"


# A person signs in with a code, in a browser that this stands for.
verifier = generate_token(48)
web = OAuth2Session("web", task["secret"], scope="openid offline_access", redirect_uri=task["redirect"], code_challenge_method="S256",
                    token_endpoint_auth_method="client_secret_post")
url, state = web.create_authorization_url(found["authorization_endpoint"], code_verifier=verifier, nonce="a nonce of some length")
answer = requests.post(url, data={"username": task["user"], "password": task["password"], "device": "browser", "device_kind": "web"},
                       headers={"Origin": issuer}, allow_redirects=False, timeout=10)
token = web.fetch_token(found["token_endpoint"], authorization_response=answer.headers["Location"], code_verifier=verifier)
claims = jwt.decode(token["id_token"], keys, algorithms=["EdDSA"]).claims
jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer}, aud={"essential": True, "value": "web"}, nonce={"essential": True, "value": "a nonce of some length"}).validate(claims)
out["code"] = {"sub": claims["sub"], "access": token["access_token"], "user": token["user"], "url": token["url"]}
out["userinfo"] = web.get(found["userinfo_endpoint"]).json()["sub"]
was = token["refresh_token"]
fresh = web.refresh_token(found["token_endpoint"], refresh_token=was)
out["refreshed"] = fresh["access_token"]
look = OAuth2Session("web", task["secret"], token_endpoint_auth_method="client_secret_basic")
out["introspected"] = look.introspect_token(found["introspection_endpoint"], token=fresh["access_token"]).json()["active"]
out["replayed"] = error(lambda: web.refresh_token(found["token_endpoint"], refresh_token=was))
out["afterReplay"] = look.introspect_token(found["introspection_endpoint"], token=fresh["access_token"]).json()["active"]
out["code2"] = error(lambda: web.fetch_token(found["token_endpoint"], authorization_response=answer.headers["Location"], code_verifier=verifier))

# The first-party client asks for the password itself.
app = OAuth2Session("app", token_endpoint_auth_method="none")
own = app.fetch_token(found["token_endpoint"], grant_type="password", username=task["user"], password=task["password"], device="pixel", device_kind="phone")
out["password"] = own["access_token"]
app.revoke_token(found["revocation_endpoint"], token=own["refresh_token"])
out["afterRevocation"] = error(lambda: app.refresh_token(found["token_endpoint"], refresh_token=own["refresh_token"]))
out["wrong"] = error(lambda: app.fetch_token(found["token_endpoint"], grant_type="password", username=task["user"], password="wrong horse"))

# A service.
service = OAuth2Session("bridge", task["serviceSecret"], scope="read")
out["service"] = service.fetch_token(found["token_endpoint"], grant_type="client_credentials")["access_token"]
out["beyond"] = error(lambda: OAuth2Session("bridge", task["serviceSecret"], scope="accounts").fetch_token(found["token_endpoint"], grant_type="client_credentials"))
print(json.dumps(out))
