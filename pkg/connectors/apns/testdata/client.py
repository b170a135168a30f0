"""A sender that others wrote (aioapns) against the service that it is told of. What it is to send comes as JSON on standard input; it prints what it got."""
import asyncio
import json
import ssl
import sys

import aioapns
from aioapns.connection import APNsProductionClientProtocol

task = json.load(sys.stdin)
# It knows no other server than Apple's.
APNsProductionClientProtocol.APNS_SERVER = task["host"]
APNsProductionClientProtocol.APNS_PORT = task["port"]
# Apple's servers speak HTTP/2 whether it is asked for or not; others are to be asked.
tls = ssl.create_default_context()
tls.set_alpn_protocols(["h2"])


async def main():
    apns = aioapns.APNs(key=task["key"], key_id=task["key_id"], team_id=task["team_id"], topic=task["topic"], ssl_context=tls)
    out = []
    for n in task["notifications"]:
        r = await apns.send_notification(aioapns.NotificationRequest(
            device_token=n["token"], message=n["payload"], notification_id=n["id"], time_to_live=n["seconds"], priority=n["priority"],
            collapse_key=n["collapse"], push_type=aioapns.PushType(n["type"])))
        out.append({"status": r.status, "reason": r.description, "id": r.notification_id, "timestamp": r.timestamp})
    print(json.dumps(out))


asyncio.run(main())
