// Made by `python -m sdk.generate` from the server's tables. Do not edit.

import type { Timestamp, Uuid } from "./types.js";

/** The events of a conversation stream, by their `event_type`. */
export interface ConversationEvents {
  /** A thread was handed over, closed or reopened; follows its `conversation.updated`. */
  "conversation.mode_changed": {
    event_id: string;
    event_type: "conversation.mode_changed";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { from_mode: "ai" | "human" | "closed"; to_mode: "ai" | "human" | "closed"; actor_user_id: Uuid | null; conversation_id: string };
    from_mode: "ai" | "human" | "closed";
    to_mode: "ai" | "human" | "closed";
    actor_user_id: Uuid | null;
  };
  /** A message of ours has reached the device. */
  "message.delivered": {
    event_id: string;
    event_type: "message.delivered";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** The provider refused a message that it had accepted; the code is the provider's. */
  "message.failed": {
    event_id: string;
    event_type: "message.failed";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** The contact wants no more messages; follows their `message.received`. */
  "message.opt_out": {
    event_id: string;
    event_type: "message.opt_out";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** A message of ours was read. */
  "message.read": {
    event_id: string;
    event_type: "message.read";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** An SMS has a final delivery receipt; counts are parts of the message. */
  "message.dlr": {
    event_id: string;
    event_type: "message.dlr";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** A message came in. */
  "message.received": {
    event_id: string;
    event_type: "message.received";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** A message could not be handed to a provider. */
  "message.send_failed": {
    event_id: string;
    event_type: "message.send_failed";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** A provider accepted a message of ours; `segments` are the parts of an SMS. */
  "message.sent": {
    event_id: string;
    event_type: "message.sent";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { message_id: string; direction: "inbound" | "outbound"; text: string; status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired"; conversation_id: string; message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template"; sender: "ai" | "human" | "contact"; error_code: string | null };
    message_id: string;
    direction: "inbound" | "outbound";
    text: string;
    status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  };
  /** WhatsApp's window of 24 hours ends in an hour. */
  "window.closing": {
    event_id: string;
    event_type: "window.closing";
    conversation_id: string;
    channel: "sms" | "whatsapp";
    agent_id: string | null;
    timestamp: Timestamp;
    payload: { conversation_id: string; window_expires_at: Timestamp };
  };
}

/** An event of a conversation stream. */
export type ConversationEvent = ConversationEvents[keyof ConversationEvents];
