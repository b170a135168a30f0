// Sends what it is told to a subscription, with web-push. Prints the status of the answer.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const webpush = createRequire(`${process.env.CLIENTS}/`)('web-push');
const task = JSON.parse(await text(process.stdin));
const answer = await webpush.sendNotification(JSON.parse(task.token), task.payload, {
  vapidDetails: { subject: task.subject, publicKey: task.public_key, privateKey: task.private_key },
  TTL: 60, urgency: 'high', topic: task.topic, contentEncoding: 'aes128gcm',
}).catch((error) => error);
console.log(answer.statusCode ?? answer);
