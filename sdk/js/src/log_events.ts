// Made by `python -m sdk.generate` from the server's tables. Do not edit.

import type { Timestamp, UntypedMap, Uuid } from "./types.js";

/** The events of the topic `log`, by their canonical types. */
export interface LogEvents {
  /** The first event of every call. */
  "call.created": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.created";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      status: "initiated" | "ringing" | "queued" | "answered" | "completed" | "failed" | "busy" | "no_answer" | "cancelled";
      startedAt: Timestamp;
      callSource?: string;
      queueEntryId: Uuid | null;
      queueName: string | null;
      contact: { id: Uuid; fullName: string; phoneE164: string } | null;
      source: string;
      sipUsername: string | null;
    };
  };
  /** The call rings, or enters a queue. */
  "call.ringing": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.ringing";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      status: "initiated" | "ringing" | "queued" | "answered" | "completed" | "failed" | "busy" | "no_answer" | "cancelled";
      source: string | null;
      startedAt: Timestamp | null;
    };
  };
  /** The call is answered for the first time; audio flows. */
  "call.answered": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.answered";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      status: "answered";
      answeredAt: Timestamp;
      sipUsername: string | null;
      answeredBy: "operator" | "ai_agent";
      startedAt: Timestamp;
      source: string | null;
    };
  };
  /** A participant joined the call; once each. */
  "call.participant_joined": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.participant_joined";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      participantId: Uuid;
      memberUuid: string;
      role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor";
      joinedAt: Timestamp;
    };
  };
  /** A participant left the call; once each. */
  "call.participant_left": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.participant_left";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      participantId: Uuid;
      memberUuid: string;
      role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor";
      joinedAt: Timestamp;
      leftAt: Timestamp;
    };
  };
  /** Part of a turn: the new piece (`delta`) and the turn so far (`text`). */
  "call.transcript_delta": {
    type: "call.transcript_delta";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      itemId: string;
      contentIndex: number;
      role: "user" | "assistant";
      delta: string;
      sequence: number;
      turnId: Uuid;
      text: string;
    };
  };
  /** A turn is final. An interrupted agent's turn holds what was sent to the caller. */
  "call.turn_completed": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.turn_completed";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      itemId: string;
      contentIndex: number;
      role: "user" | "assistant";
      transcript: string;
      transcriptId: Uuid;
      interrupted: boolean;
      spokenText: string | null;
      recognized: boolean;
      latency: { totalMs: number; voiceMs: number; gatewayMs: number } | null;
      turnId: Uuid;
      text: string;
    };
  };
  /** The caller spoke over the agent, who was cut off after `at_ms` of the turn. */
  "call.barge_in": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.barge_in";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      turnId: Uuid;
      spokenText: string;
      atMs: number;
    };
  };
  /** The caller has been silent for longer than the agent's limit; `count` is of the call. */
  "call.idle_silence": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.idle_silence";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      silenceMs: number;
      idleTimeoutSeconds: number;
      count: number;
    };
  };
  /** The caller was put on hold. */
  "call.held": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.held";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
    };
  };
  /** The hold has ended. */
  "call.resumed": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.resumed";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
    };
  };
  /** The caller was connected with a destination in E.164; the call ends with that. */
  "call.transferred": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.transferred";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      destination: string;
    };
  };
  /** Audit trail of the agent: tool call, tool result, hand-over, policy, error, note. */
  "call.audit": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.audit";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      auditType: "tool_call" | "tool_result" | "handoff" | "policy" | "error" | "note";
      data: UntypedMap;
      code: string;
      detail: UntypedMap;
    };
  };
  /** The call's last event, exactly once. `duration_seconds` counts from the answer. */
  "call.ended": {
    position: string;
    offset: number;
    eventId: string;
    type: "call.ended";
    callUuid: string;
    occurredAt: Timestamp;
    data: {
      callId: Uuid;
      callUuid: string;
      direction: "inbound" | "outbound";
      fromNumber: string;
      toNumber: string;
      transport: string;
      aiAgentId: Uuid | null;
      model: string | null;
      conversationId: Uuid | null;
      status: "completed" | "failed" | "busy" | "no_answer" | "cancelled";
      endedAt: Timestamp;
      durationSeconds: number;
      hangupCause: "caller_hangup" | "agent_hangup" | "api_hangup" | "transferred" | "no_answer" | "busy" | "failed" | "idle_timeout" | "max_duration" | "budget_exhausted" | "agent_error" | "upstream_lost" | "storage_lost" | "server_lost" | "server_shutdown" | "revoked" | "internal_error";
      startedAt: Timestamp;
      answeredAt: Timestamp | null;
      transcript: readonly ({ turnId: Uuid; role: "user" | "assistant"; text: string; at: Timestamp; interrupted: boolean; spokenText: string | null; recognized: boolean })[];
      sipUsername: string | null;
      source: string | null;
      metadata: UntypedMap | null;
      recorded: boolean;
    };
  };
  /** A contact was created. */
  "contact.created": {
    position: string;
    offset: number;
    eventId: string;
    type: "contact.created";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      id: Uuid;
      fullName: string;
      email: string | null;
      phoneE164: string | null;
      notes: string | null;
      insertedAt: Timestamp;
      updatedAt: Timestamp;
    };
  };
  /** A contact was changed. */
  "contact.updated": {
    position: string;
    offset: number;
    eventId: string;
    type: "contact.updated";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      id: Uuid;
      fullName: string;
      email: string | null;
      phoneE164: string | null;
      notes: string | null;
      insertedAt: Timestamp;
      updatedAt: Timestamp;
    };
  };
  /** A contact was deleted. */
  "contact.deleted": {
    position: string;
    offset: number;
    eventId: string;
    type: "contact.deleted";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      id: Uuid;
      fullName: string;
      email: string | null;
      phoneE164: string | null;
      notes: string | null;
      insertedAt: Timestamp;
      updatedAt: Timestamp;
    };
  };
  /** A conversation was created. */
  "conversation.created": {
    position: string;
    offset: number;
    eventId: string;
    type: "conversation.created";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      id: Uuid;
      publicId: string;
      channel: "chat" | "call" | "email" | "sms" | "whatsapp" | "discord";
      mode: "text" | "voice";
      status: "active" | "waiting" | "closed";
      aiAgentId: Uuid | null;
      metadata: UntypedMap | null;
      aiMode: "ai" | "human" | "closed" | null;
      ourNumber: string | null;
      remoteNumber: string | null;
      windowExpiresAt: Timestamp | null;
      lastMessageAt: Timestamp | null;
      insertedAt: Timestamp;
      updatedAt: Timestamp;
    };
  };
  /** A conversation was changed. */
  "conversation.updated": {
    position: string;
    offset: number;
    eventId: string;
    type: "conversation.updated";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      id: Uuid;
      publicId: string;
      channel: "chat" | "call" | "email" | "sms" | "whatsapp" | "discord";
      mode: "text" | "voice";
      status: "active" | "waiting" | "closed";
      aiAgentId: Uuid | null;
      metadata: UntypedMap | null;
      aiMode: "ai" | "human" | "closed" | null;
      ourNumber: string | null;
      remoteNumber: string | null;
      windowExpiresAt: Timestamp | null;
      lastMessageAt: Timestamp | null;
      insertedAt: Timestamp;
      updatedAt: Timestamp;
    };
  };
  /** A thread was handed over, closed or reopened; follows its `conversation.updated`. */
  "conversation.mode_changed": {
    position: string;
    offset: number;
    eventId: string;
    type: "conversation.mode_changed";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      fromMode: "ai" | "human" | "closed";
      toMode: "ai" | "human" | "closed";
      actorUserId: Uuid | null;
    };
  };
  /** A message came in. */
  "message.received": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.received";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
      encoding: string | null;
      mediaUrl: string | null;
      mimeType: string | null;
    };
  };
  /** A provider accepted a message of ours; `segments` are the parts of an SMS. */
  "message.sent": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.sent";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
      segments: number | null;
    };
  };
  /** A message of ours has reached the device. */
  "message.delivered": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.delivered";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
    };
  };
  /** A message of ours was read. */
  "message.read": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.read";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
    };
  };
  /** An SMS has a final delivery receipt; counts are parts of the message. */
  "message.dlr": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.dlr";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
      receipt: "DELIVRD" | "UNDELIV" | "REJECTD" | "EXPIRED";
      errorCode: string;
      submitted: number;
      delivered: number;
      mno: string | null;
    };
  };
  /** The provider refused a message that it had accepted; the code is the provider's. */
  "message.failed": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.failed";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
      errorCode: string;
      reason: string;
    };
  };
  /** A message could not be handed to a provider. */
  "message.send_failed": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.send_failed";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
      errorCode: "QUOTA_EXCEEDED" | "SMPP_UNAVAILABLE" | "OPT_OUT_ENFORCED" | "INTERNAL";
      reason: string;
    };
  };
  /** The contact wants no more messages; follows their `message.received`. */
  "message.opt_out": {
    position: string;
    offset: number;
    eventId: string;
    type: "message.opt_out";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      messageId: Uuid;
      direction: "inbound" | "outbound";
      sender: "ai" | "human" | "contact";
      messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
      text: string;
      status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
      keyword: string;
    };
  };
  /** WhatsApp's window of 24 hours ends in an hour. */
  "window.closing": {
    position: string;
    offset: number;
    eventId: string;
    type: "window.closing";
    callUuid: null;
    occurredAt: Timestamp;
    data: {
      conversationId: Uuid;
      aiAgentId: Uuid | null;
      channel: "sms" | "whatsapp";
      ourNumber: string;
      remoteNumber: string;
      windowExpiresAt: Timestamp;
    };
  };
}

/** An event of the topic `log`. */
export type LogEvent = LogEvents[keyof LogEvents];
