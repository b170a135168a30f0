# Sends what it is told to a subscription, with pywebpush. Prints the status of the answer.
import json
import sys

from pywebpush import WebPushException, webpush

task = json.load(sys.stdin)
try:
    answer = webpush(
        json.loads(task["token"]), task["payload"], vapid_private_key=task["private_key"], vapid_claims={"sub": task["subject"]},
        ttl=60, headers={"Urgency": "high", "Topic": task["topic"]}, content_encoding="aes128gcm",
    )
except WebPushException as error:
    answer = error.response
print(answer.status_code)
