// Made by `python -m sdk.generate` from the server's tables. Do not edit.

import type {
  ByBoolean,
  ById,
  ByNil,
  ByNumber,
  ByText,
  ByTime,
  ByWord,
  Fields,
  Known,
  Joined,
  Listed,
  LocalDialogue,
  Nullable,
  OneOf,
  PageRequest,
  Relation,
  Result,
  Selected,
  Sort,
  Timestamp,
  Tool,
  UntypedMap,
  Uuid,
  ValidationResult,
} from "./types.js";
import type { TransportOptions } from "./transport.js";

/** The `type` of an error. */
export type ErrorType =
  | "action_not_found"
  | "missing_required_parameter"
  | "invalid_fields_type"
  | "empty_fields_array"
  | "unknown_field"
  | "duplicate_field"
  | "requires_field_selection"
  | "field_does_not_support_nesting"
  | "invalid_field_selection"
  | "unsupported_field_combination"
  | "fields_too_deep"
  | "invalid_input_format"
  | "invalid_pagination"
  | "invalid_page"
  | "invalid_keyset"
  | "missing_identity"
  | "invalid_identity"
  | "required"
  | "invalid_attribute"
  | "invalid_argument"
  | "invalid_changes"
  | "invalid_query"
  | "invalid_primary_key"
  | "not_found"
  | "forbidden"
  | "invalid_token"
  | "unknown_error"
  | "internal_error"
  | "not_configured"
  | "filter_too_complex"
  | "result_too_large"
  | "query_timeout"
  | "bad_request"
  | "unauthorized"
  | "method_not_allowed"
  | "idempotency_conflict"
  | "request_timeout"
  | "payload_too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "unavailable"
  | "network_error";

export interface Contact {
  id: Uuid;
  fullName: string;
  email: string | null;
  phoneE164: string | null;
  notes: string | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface ContactRelationships {
}

export interface ContactFilter extends Joined<ContactFilter> {
  id?: ById;
  fullName?: ByText;
  email?: Nullable<ByText>;
  phoneE164?: Nullable<ByText>;
  notes?: Nullable<ByText>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
}

export interface ContactResource {
  fields: Contact;
  relationships: ContactRelationships;
  filter: ContactFilter;
  sorts: "id" | "fullName" | "email" | "phoneE164" | "notes" | "insertedAt" | "updatedAt";
}

export interface Call {
  id: Uuid;
  callUuid: string;
  callSource: string;
  direction: "inbound" | "outbound";
  fromNumber: string;
  toNumber: string;
  status: "initiated" | "ringing" | "queued" | "answered" | "completed" | "failed" | "busy" | "no_answer" | "cancelled" | null;
  startedAt: Timestamp | null;
  answeredAt: Timestamp | null;
  endedAt: Timestamp | null;
  durationSeconds: number | null;
  hangupCause: "caller_hangup" | "agent_hangup" | "api_hangup" | "transferred" | "no_answer" | "busy" | "failed" | "idle_timeout" | "max_duration" | "budget_exhausted" | "agent_error" | "upstream_lost" | "storage_lost" | "server_lost" | "server_shutdown" | "revoked" | "internal_error" | null;
  sipUsername: string | null;
  conversationId: Uuid | null;
  aiAgentId: Uuid | null;
  model: string | null;
  metadata: UntypedMap | null;
  recordingConsent: boolean | null;
  recordingMs: number | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface CallRelationships {
  conversation: Relation<ConversationResource, "maybe">;
  aiAgent: Relation<AiAgentResource, "maybe">;
  contact: Relation<ContactResource, "maybe">;
  organisation: Relation<OrganisationResource, "one">;
  participants: Relation<CallParticipantResource, "many">;
  transcripts: Relation<CallTranscriptResource, "many">;
}

export interface CallFilter extends Joined<CallFilter> {
  id?: ById;
  callUuid?: ByText;
  callSource?: ByText;
  direction?: ByWord<"inbound" | "outbound">;
  fromNumber?: ByText;
  toNumber?: ByText;
  status?: Nullable<ByWord<"initiated" | "ringing" | "queued" | "answered" | "completed" | "failed" | "busy" | "no_answer" | "cancelled">>;
  startedAt?: Nullable<ByTime>;
  answeredAt?: Nullable<ByTime>;
  endedAt?: Nullable<ByTime>;
  durationSeconds?: Nullable<ByNumber>;
  hangupCause?: Nullable<ByWord<"caller_hangup" | "agent_hangup" | "api_hangup" | "transferred" | "no_answer" | "busy" | "failed" | "idle_timeout" | "max_duration" | "budget_exhausted" | "agent_error" | "upstream_lost" | "storage_lost" | "server_lost" | "server_shutdown" | "revoked" | "internal_error">>;
  sipUsername?: Nullable<ByText>;
  conversationId?: Nullable<ById>;
  aiAgentId?: Nullable<ById>;
  model?: Nullable<ByText>;
  metadata?: ByNil;
  recordingConsent?: Nullable<ByBoolean>;
  recordingMs?: Nullable<ByNumber>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  conversation?: ConversationFilter;
  aiAgent?: AiAgentFilter;
  contact?: ContactFilter;
  organisation?: OrganisationFilter;
  participants?: CallParticipantFilter;
  transcripts?: CallTranscriptFilter;
}

export interface CallResource {
  fields: Call;
  relationships: CallRelationships;
  filter: CallFilter;
  sorts: "id" | "callUuid" | "callSource" | "direction" | "fromNumber" | "toNumber" | "status" | "startedAt" | "answeredAt" | "endedAt" | "durationSeconds" | "hangupCause" | "sipUsername" | "conversationId" | "aiAgentId" | "model" | "recordingConsent" | "recordingMs" | "insertedAt" | "updatedAt";
}

export interface CallParticipant {
  id: Uuid;
  callId: Uuid;
  memberUuid: string;
  organisationId: Uuid;
  role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor";
  joinedAt: Timestamp | null;
  leftAt: Timestamp | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface CallParticipantRelationships {
  call: Relation<CallResource, "one">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface CallParticipantFilter extends Joined<CallParticipantFilter> {
  id?: ById;
  callId?: ById;
  memberUuid?: ByText;
  organisationId?: ById;
  role?: ByWord<"caller" | "callee" | "operator" | "ai_agent" | "supervisor">;
  joinedAt?: Nullable<ByTime>;
  leftAt?: Nullable<ByTime>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  call?: CallFilter;
  organisation?: OrganisationFilter;
}

export interface CallParticipantResource {
  fields: CallParticipant;
  relationships: CallParticipantRelationships;
  filter: CallParticipantFilter;
  sorts: "id" | "callId" | "memberUuid" | "organisationId" | "role" | "joinedAt" | "leftAt" | "insertedAt" | "updatedAt";
}

export interface CallTranscript {
  id: Uuid;
  callId: Uuid;
  callUuid: string;
  itemId: string | null;
  contentIndex: number | null;
  role: "user" | "assistant" | "operator" | "system" | "tool";
  speaker: string | null;
  text: string;
  interrupted: boolean;
  spokenText: string | null;
  recognized: boolean;
  latency: { totalMs: number; voiceMs: number; gatewayMs: number } | null;
  isFinal: boolean;
  startedAtMs: number | null;
  endedAtMs: number | null;
  occurredAt: Timestamp;
  organisationId: Uuid;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface CallTranscriptRelationships {
  call: Relation<CallResource, "one">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface CallTranscriptFilter extends Joined<CallTranscriptFilter> {
  id?: ById;
  callId?: ById;
  callUuid?: ByText;
  itemId?: Nullable<ByText>;
  contentIndex?: Nullable<ByNumber>;
  role?: ByWord<"user" | "assistant" | "operator" | "system" | "tool">;
  speaker?: Nullable<ByText>;
  text?: ByText;
  interrupted?: ByBoolean;
  spokenText?: Nullable<ByText>;
  recognized?: ByBoolean;
  latency?: ByNil;
  isFinal?: ByBoolean;
  startedAtMs?: Nullable<ByNumber>;
  endedAtMs?: Nullable<ByNumber>;
  occurredAt?: ByTime;
  organisationId?: ById;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  call?: CallFilter;
  organisation?: OrganisationFilter;
}

export interface CallTranscriptResource {
  fields: CallTranscript;
  relationships: CallTranscriptRelationships;
  filter: CallTranscriptFilter;
  sorts: "id" | "callId" | "callUuid" | "itemId" | "contentIndex" | "role" | "speaker" | "text" | "interrupted" | "spokenText" | "recognized" | "isFinal" | "startedAtMs" | "endedAtMs" | "occurredAt" | "organisationId" | "insertedAt" | "updatedAt";
}

export interface Usage {
  id: Uuid;
  callId: Uuid | null;
  callUuid: string | null;
  agentId: Uuid | null;
  model: string;
  kind: "response" | "transcription" | "speech" | "session";
  audioInTokens: number;
  audioCachedTokens: number;
  audioOutTokens: number;
  textInTokens: number;
  textCachedTokens: number;
  textOutTokens: number;
  seconds: number;
  textItems: number;
  usd: number;
  pricesDate: string;
  occurredAt: Timestamp;
}

export interface UsageRelationships {
  call: Relation<CallResource, "maybe">;
  agent: Relation<AiAgentResource, "maybe">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface UsageFilter extends Joined<UsageFilter> {
  id?: ById;
  callId?: Nullable<ById>;
  callUuid?: Nullable<ByText>;
  agentId?: Nullable<ById>;
  model?: ByText;
  kind?: ByWord<"response" | "transcription" | "speech" | "session">;
  audioInTokens?: ByNumber;
  audioCachedTokens?: ByNumber;
  audioOutTokens?: ByNumber;
  textInTokens?: ByNumber;
  textCachedTokens?: ByNumber;
  textOutTokens?: ByNumber;
  seconds?: ByNumber;
  textItems?: ByNumber;
  usd?: ByNumber;
  pricesDate?: ByText;
  occurredAt?: ByTime;
  call?: CallFilter;
  agent?: AiAgentFilter;
  organisation?: OrganisationFilter;
}

export interface UsageResource {
  fields: Usage;
  relationships: UsageRelationships;
  filter: UsageFilter;
  sorts: "id" | "callId" | "callUuid" | "agentId" | "model" | "kind" | "audioInTokens" | "audioCachedTokens" | "audioOutTokens" | "textInTokens" | "textCachedTokens" | "textOutTokens" | "seconds" | "textItems" | "usd" | "pricesDate" | "occurredAt";
}

export interface CallQueueEntry {
  id: Uuid;
  queueId: Uuid;
  queueName: string;
  callId: Uuid;
  callUuid: string;
  fromNumber: string;
  toNumber: string;
  position: number | null;
  status: "waiting" | "offered" | "accepted" | "abandoned" | "timed_out";
  enteredAt: Timestamp | null;
  offeredAt: Timestamp | null;
  acceptedAt: Timestamp | null;
  leftAt: Timestamp | null;
  acceptedBySipUserId: Uuid | null;
  acceptedByAgentName: string | null;
  organisationId: Uuid;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface CallQueueEntryRelationships {
  queue: Relation<QueueResource, "one">;
  call: Relation<CallResource, "one">;
}

export interface CallQueueEntryFilter extends Joined<CallQueueEntryFilter> {
  id?: ById;
  queueId?: ById;
  queueName?: ByText;
  callId?: ById;
  callUuid?: ByText;
  fromNumber?: ByText;
  toNumber?: ByText;
  position?: Nullable<ByNumber>;
  status?: ByWord<"waiting" | "offered" | "accepted" | "abandoned" | "timed_out">;
  enteredAt?: Nullable<ByTime>;
  offeredAt?: Nullable<ByTime>;
  acceptedAt?: Nullable<ByTime>;
  leftAt?: Nullable<ByTime>;
  acceptedBySipUserId?: Nullable<ById>;
  acceptedByAgentName?: Nullable<ByText>;
  organisationId?: ById;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  queue?: QueueFilter;
  call?: CallFilter;
}

export interface CallQueueEntryResource {
  fields: CallQueueEntry;
  relationships: CallQueueEntryRelationships;
  filter: CallQueueEntryFilter;
  sorts: "id" | "queueId" | "queueName" | "callId" | "callUuid" | "fromNumber" | "toNumber" | "position" | "status" | "enteredAt" | "offeredAt" | "acceptedAt" | "leftAt" | "acceptedBySipUserId" | "acceptedByAgentName" | "organisationId" | "insertedAt" | "updatedAt";
}

export interface Conversation {
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
}

export interface ConversationRelationships {
  aiAgent: Relation<AiAgentResource, "maybe">;
  call: Relation<CallResource, "maybe">;
  conversationItems: Relation<ConversationItemResource, "many">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface ConversationFilter extends Joined<ConversationFilter> {
  id?: ById;
  publicId?: ByText;
  channel?: ByWord<"chat" | "call" | "email" | "sms" | "whatsapp" | "discord">;
  mode?: ByWord<"text" | "voice">;
  status?: ByWord<"active" | "waiting" | "closed">;
  aiAgentId?: Nullable<ById>;
  metadata?: ByNil;
  aiMode?: Nullable<ByWord<"ai" | "human" | "closed">>;
  ourNumber?: Nullable<ByText>;
  remoteNumber?: Nullable<ByText>;
  windowExpiresAt?: Nullable<ByTime>;
  lastMessageAt?: Nullable<ByTime>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  aiAgent?: AiAgentFilter;
  call?: CallFilter;
  conversationItems?: ConversationItemFilter;
  organisation?: OrganisationFilter;
}

export interface ConversationResource {
  fields: Conversation;
  relationships: ConversationRelationships;
  filter: ConversationFilter;
  sorts: "id" | "publicId" | "channel" | "mode" | "status" | "aiAgentId" | "aiMode" | "ourNumber" | "remoteNumber" | "windowExpiresAt" | "lastMessageAt" | "insertedAt" | "updatedAt";
}

export interface ConversationItem {
  id: Uuid;
  conversationId: Uuid;
  role: "user" | "assistant" | "operator" | "system" | "tool";
  modality: "text" | "audio";
  content: string;
  itemId: string | null;
  contentIndex: number | null;
  metadata: UntypedMap | null;
  occurredAt: Timestamp | null;
  direction: "inbound" | "outbound" | null;
  messageType: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template" | null;
  messageStatus: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired" | null;
  errorCode: string | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface ConversationItemRelationships {
  conversation: Relation<ConversationResource, "one">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface ConversationItemFilter extends Joined<ConversationItemFilter> {
  id?: ById;
  conversationId?: ById;
  role?: ByWord<"user" | "assistant" | "operator" | "system" | "tool">;
  modality?: ByWord<"text" | "audio">;
  content?: ByText;
  itemId?: Nullable<ByText>;
  contentIndex?: Nullable<ByNumber>;
  metadata?: ByNil;
  occurredAt?: Nullable<ByTime>;
  direction?: Nullable<ByWord<"inbound" | "outbound">>;
  messageType?: Nullable<ByWord<"text" | "image" | "audio" | "document" | "video" | "interactive" | "template">>;
  messageStatus?: Nullable<ByWord<"received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired">>;
  errorCode?: Nullable<ByText>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  conversation?: ConversationFilter;
  organisation?: OrganisationFilter;
}

export interface ConversationItemResource {
  fields: ConversationItem;
  relationships: ConversationItemRelationships;
  filter: ConversationItemFilter;
  sorts: "id" | "conversationId" | "role" | "modality" | "content" | "itemId" | "contentIndex" | "occurredAt" | "direction" | "messageType" | "messageStatus" | "errorCode" | "insertedAt" | "updatedAt";
}

export interface Queue {
  id: Uuid;
  queueName: string;
  strategy: "ring-all" | "longest-idle-agent" | "round-robin" | "top-down" | "agent-with-least-talk-time" | "agent-with-fewest-calls" | "sequentially-by-agent-order" | "random";
  mohSound: string | null;
  maxWaitTime: number | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface QueueRelationships {
  organisation: Relation<OrganisationResource, "one">;
}

export interface QueueFilter extends Joined<QueueFilter> {
  id?: ById;
  queueName?: ByText;
  strategy?: ByWord<"ring-all" | "longest-idle-agent" | "round-robin" | "top-down" | "agent-with-least-talk-time" | "agent-with-fewest-calls" | "sequentially-by-agent-order" | "random">;
  mohSound?: Nullable<ByText>;
  maxWaitTime?: Nullable<ByNumber>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  organisation?: OrganisationFilter;
}

export interface QueueResource {
  fields: Queue;
  relationships: QueueRelationships;
  filter: QueueFilter;
  sorts: "id" | "queueName" | "strategy" | "mohSound" | "maxWaitTime" | "insertedAt" | "updatedAt";
}

export interface Gateway {
  id: Uuid;
  name: string;
  username: string;
  realm: string;
  inboundAcl: string[];
  provider: "vonage" | "twilio" | "telnyx" | "bandwidth" | "custom" | null;
  proxy: string | null;
  fromDomain: string | null;
  fromUser: string | null;
  register: boolean | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface GatewayRelationships {
  organisation: Relation<OrganisationResource, "one">;
}

export interface GatewayFilter extends Joined<GatewayFilter> {
  id?: ById;
  name?: ByText;
  username?: ByText;
  realm?: ByText;
  inboundAcl?: ByNil;
  provider?: Nullable<ByWord<"vonage" | "twilio" | "telnyx" | "bandwidth" | "custom">>;
  proxy?: Nullable<ByText>;
  fromDomain?: Nullable<ByText>;
  fromUser?: Nullable<ByText>;
  register?: Nullable<ByBoolean>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  organisation?: OrganisationFilter;
}

export interface GatewayResource {
  fields: Gateway;
  relationships: GatewayRelationships;
  filter: GatewayFilter;
  sorts: "id" | "name" | "username" | "realm" | "provider" | "proxy" | "fromDomain" | "fromUser" | "register" | "insertedAt" | "updatedAt";
}

export interface OperatorStatus {
  id: Uuid;
  sipUserId: Uuid;
  agentName: string;
  status: "available" | "busy" | "on_break" | "offline";
  source: "widget" | "console" | "api" | "system" | null;
  changedByUserId: Uuid | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface OperatorStatusRelationships {
  changedByUser: Relation<UserResource, "maybe">;
  organisation: Relation<OrganisationResource, "one">;
  sipUser: Relation<SipUserResource, "one">;
}

export interface OperatorStatusFilter extends Joined<OperatorStatusFilter> {
  id?: ById;
  sipUserId?: ById;
  agentName?: ByText;
  status?: ByWord<"available" | "busy" | "on_break" | "offline">;
  source?: Nullable<ByWord<"widget" | "console" | "api" | "system">>;
  changedByUserId?: Nullable<ById>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  changedByUser?: UserFilter;
  organisation?: OrganisationFilter;
  sipUser?: SipUserFilter;
}

export interface OperatorStatusResource {
  fields: OperatorStatus;
  relationships: OperatorStatusRelationships;
  filter: OperatorStatusFilter;
  sorts: "id" | "sipUserId" | "agentName" | "status" | "source" | "changedByUserId" | "insertedAt" | "updatedAt";
}

export interface SipUser {
  id: Uuid;
  sipUsername: string;
  userId: Uuid;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface SipUserRelationships {
  user: Relation<UserResource, "one">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface SipUserFilter extends Joined<SipUserFilter> {
  id?: ById;
  sipUsername?: ByText;
  userId?: ById;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  user?: UserFilter;
  organisation?: OrganisationFilter;
}

export interface SipUserResource {
  fields: SipUser;
  relationships: SipUserRelationships;
  filter: SipUserFilter;
  sorts: "id" | "sipUsername" | "userId" | "insertedAt" | "updatedAt";
}

export interface PhoneNumber {
  id: Uuid;
  phoneE164: string;
  label: string | null;
  gatewayId: Uuid | null;
  queueId: Uuid | null;
  aiAgentId: Uuid | null;
  inboundEnabled: boolean;
  outboundEnabled: boolean;
  channels: ("voice" | "sms" | "whatsapp")[];
  organisationId: Uuid;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface PhoneNumberRelationships {
  gateway: Relation<GatewayResource, "maybe">;
  queue: Relation<QueueResource, "maybe">;
  aiAgent: Relation<AiAgentResource, "maybe">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface PhoneNumberFilter extends Joined<PhoneNumberFilter> {
  id?: ById;
  phoneE164?: ByText;
  label?: Nullable<ByText>;
  gatewayId?: Nullable<ById>;
  queueId?: Nullable<ById>;
  aiAgentId?: Nullable<ById>;
  inboundEnabled?: ByBoolean;
  outboundEnabled?: ByBoolean;
  channels?: ByNil;
  organisationId?: ById;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  gateway?: GatewayFilter;
  queue?: QueueFilter;
  aiAgent?: AiAgentFilter;
  organisation?: OrganisationFilter;
}

export interface PhoneNumberResource {
  fields: PhoneNumber;
  relationships: PhoneNumberRelationships;
  filter: PhoneNumberFilter;
  sorts: "id" | "phoneE164" | "label" | "gatewayId" | "queueId" | "aiAgentId" | "inboundEnabled" | "outboundEnabled" | "organisationId" | "insertedAt" | "updatedAt";
}

export interface RoutingRule {
  id: Uuid;
  phoneNumberId: Uuid;
  priority: number;
  matchType: "keyword" | "regex" | "default";
  matchValue: string | null;
  targetAgentId: Uuid | null;
  organisationId: Uuid;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface RoutingRuleRelationships {
  phoneNumber: Relation<PhoneNumberResource, "one">;
  targetAgent: Relation<AiAgentResource, "maybe">;
  organisation: Relation<OrganisationResource, "one">;
}

export interface RoutingRuleFilter extends Joined<RoutingRuleFilter> {
  id?: ById;
  phoneNumberId?: ById;
  priority?: ByNumber;
  matchType?: ByWord<"keyword" | "regex" | "default">;
  matchValue?: Nullable<ByText>;
  targetAgentId?: Nullable<ById>;
  organisationId?: ById;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  phoneNumber?: PhoneNumberFilter;
  targetAgent?: AiAgentFilter;
  organisation?: OrganisationFilter;
}

export interface RoutingRuleResource {
  fields: RoutingRule;
  relationships: RoutingRuleRelationships;
  filter: RoutingRuleFilter;
  sorts: "id" | "phoneNumberId" | "priority" | "matchType" | "matchValue" | "targetAgentId" | "organisationId" | "insertedAt" | "updatedAt";
}

export interface AiAgent {
  id: Uuid;
  name: string;
  enabled: boolean;
  model: string;
  instructions: string;
  voice: string | null;
  greeting: string;
  tools: Tool[];
  local: LocalDialogue | null;
  recordingEnabled: boolean;
  consentRequired: boolean;
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  preCallAnnouncement: string;
  shareable: boolean;
  callWindowStart: string | null;
  callWindowEnd: string | null;
  idleTimeoutSeconds: number | null;
  builtinTools: ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  webhookUrl: string | null;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface AiAgentRelationships {
  organisation: Relation<OrganisationResource, "one">;
}

export interface AiAgentFilter extends Joined<AiAgentFilter> {
  id?: ById;
  name?: ByText;
  enabled?: ByBoolean;
  model?: ByText;
  instructions?: ByText;
  voice?: Nullable<ByText>;
  greeting?: ByText;
  tools?: ByNil;
  local?: ByNil;
  recordingEnabled?: ByBoolean;
  consentRequired?: ByBoolean;
  language?: ByWord<"en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto">;
  preCallAnnouncement?: ByText;
  shareable?: ByBoolean;
  callWindowStart?: Nullable<ByText>;
  callWindowEnd?: Nullable<ByText>;
  idleTimeoutSeconds?: Nullable<ByNumber>;
  builtinTools?: ByNil;
  webhookUrl?: Nullable<ByText>;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  organisation?: OrganisationFilter;
}

export interface AiAgentResource {
  fields: AiAgent;
  relationships: AiAgentRelationships;
  filter: AiAgentFilter;
  sorts: "id" | "name" | "enabled" | "model" | "instructions" | "voice" | "greeting" | "recordingEnabled" | "consentRequired" | "language" | "preCallAnnouncement" | "shareable" | "callWindowStart" | "callWindowEnd" | "idleTimeoutSeconds" | "webhookUrl" | "insertedAt" | "updatedAt";
}

export interface ProviderCredential {
  id: Uuid;
  provider: "openai" | "xai" | "gemini";
  lastFour: string;
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface ProviderCredentialRelationships {
  organisation: Relation<OrganisationResource, "one">;
}

export interface ProviderCredentialFilter extends Joined<ProviderCredentialFilter> {
  id?: ById;
  provider?: ByWord<"openai" | "xai" | "gemini">;
  lastFour?: ByText;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
  organisation?: OrganisationFilter;
}

export interface ProviderCredentialResource {
  fields: ProviderCredential;
  relationships: ProviderCredentialRelationships;
  filter: ProviderCredentialFilter;
  sorts: "id" | "provider" | "lastFour" | "insertedAt" | "updatedAt";
}

export interface Organisation {
  id: Uuid;
  name: string;
  environment: "live" | "sandbox";
  tier: "starter" | "builder" | "scale" | "payg";
  webhookUrl: string | null;
  retentionDays: number;
  recordingEnabled: boolean;
  allowedOrigins: string[];
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface OrganisationRelationships {
}

export interface OrganisationFilter extends Joined<OrganisationFilter> {
  id?: ById;
  name?: ByText;
  environment?: ByWord<"live" | "sandbox">;
  tier?: ByWord<"starter" | "builder" | "scale" | "payg">;
  webhookUrl?: Nullable<ByText>;
  retentionDays?: ByNumber;
  recordingEnabled?: ByBoolean;
  allowedOrigins?: ByNil;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
}

export interface OrganisationResource {
  fields: Organisation;
  relationships: OrganisationRelationships;
  filter: OrganisationFilter;
  sorts: "id" | "name" | "environment" | "tier" | "webhookUrl" | "retentionDays" | "recordingEnabled" | "insertedAt" | "updatedAt";
}

export interface User {
  id: Uuid;
  email: string;
  fullName: string | null;
  role: "owner" | "admin" | "operator" | "member";
  insertedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface UserRelationships {
}

export interface UserFilter extends Joined<UserFilter> {
  id?: ById;
  email?: ByText;
  fullName?: Nullable<ByText>;
  role?: ByWord<"owner" | "admin" | "operator" | "member">;
  insertedAt?: ByTime;
  updatedAt?: ByTime;
}

export interface UserResource {
  fields: User;
  relationships: UserRelationships;
  filter: UserFilter;
  sorts: "id" | "email" | "fullName" | "role" | "insertedAt" | "updatedAt";
}

export interface Key {
  id: Uuid;
  label: string;
  kind: "secret" | "publishable" | "management";
  environment: "live" | "test";
  lastFour: string;
  insertedAt: Timestamp;
  expiresAt: Timestamp | null;
  lastUsedAt: Timestamp | null;
}

export interface KeyRelationships {
}

export interface KeyFilter extends Joined<KeyFilter> {
  id?: ById;
  label?: ByText;
  kind?: ByWord<"secret" | "publishable" | "management">;
  environment?: ByWord<"live" | "test">;
  lastFour?: ByText;
  insertedAt?: ByTime;
  expiresAt?: Nullable<ByTime>;
  lastUsedAt?: Nullable<ByTime>;
}

export interface KeyResource {
  fields: Key;
  relationships: KeyRelationships;
  filter: KeyFilter;
  sorts: "id" | "label" | "kind" | "environment" | "lastFour" | "insertedAt" | "expiresAt" | "lastUsedAt";
}

export interface AuditEntry {
  id: Uuid;
  occurredAt: Timestamp;
  actorKind: "user" | "key" | "cli" | "system";
  actorId: Uuid | null;
  actorName: string;
  action: string;
  targetKind: string | null;
  targetId: string | null;
  targetName: string | null;
  environment: "live" | "test" | null;
  outcome: "done" | "refused";
  fields: string[];
  callUuid: string | null;
  requestId: string | null;
  address: string | null;
}

export interface AuditEntryRelationships {
}

export interface AuditEntryFilter extends Joined<AuditEntryFilter> {
  id?: ById;
  occurredAt?: ByTime;
  actorKind?: ByWord<"user" | "key" | "cli" | "system">;
  actorId?: Nullable<ById>;
  actorName?: ByText;
  action?: ByText;
  targetKind?: Nullable<ByText>;
  targetId?: Nullable<ByText>;
  targetName?: Nullable<ByText>;
  environment?: Nullable<ByWord<"live" | "test">>;
  outcome?: ByWord<"done" | "refused">;
  fields?: ByNil;
  callUuid?: Nullable<ByText>;
  requestId?: Nullable<ByText>;
  address?: Nullable<ByText>;
}

export interface AuditEntryResource {
  fields: AuditEntry;
  relationships: AuditEntryRelationships;
  filter: AuditEntryFilter;
  sorts: "id" | "occurredAt" | "actorKind" | "actorId" | "actorName" | "action" | "targetKind" | "targetId" | "targetName" | "environment" | "outcome" | "callUuid" | "requestId" | "address";
}

export interface AcceptTeamInvitationInput {
  token: string;
  password?: string | null;
  name?: string | null;
}

export interface AcceptTeamInvitationAnswer {
  accepted: boolean;
  organisation_id: Uuid;
  role: "owner" | "admin" | "operator" | "member";
}

export interface SetOperatorStatusInput {
  sipUserId: Uuid;
  status: "available" | "busy" | "on_break" | "offline";
  source?: "widget" | "console" | "api" | "system" | null;
}

export interface CreateConversationInput {
  aiAgentId?: Uuid | null;
  metadata?: UntypedMap | null;
  channel?: "chat" | "call" | "email" | "sms" | "whatsapp" | "discord";
  mode?: "text" | "voice";
}

export interface UpdateConversationInput {
  status?: "active" | "waiting" | "closed";
  aiAgentId?: Uuid | null;
  metadata?: UntypedMap | null;
  mode?: "text" | "voice";
  aiMode?: "ai" | "human" | "closed";
}

export interface AcceptCallQueueEntryInputMembers {
  sipUserId?: Uuid | null;
  agentName?: string | null;
}

export type AcceptCallQueueEntryInput = OneOf<AcceptCallQueueEntryInputMembers, "sipUserId" | "agentName">;

export interface GetCallQueueEntryInputMembers {
  id?: Uuid | null;
  callUuid?: string | null;
}

export type GetCallQueueEntryInput = OneOf<GetCallQueueEntryInputMembers, "id" | "callUuid">;

export interface SumUsageInput {
  month?: string | null;
}

export interface SumUsageAnswer {
  month: string;
  totals: ({ agent_id: Uuid | null; model: string; audio_in_tokens: number; audio_cached_tokens: number; audio_out_tokens: number; text_in_tokens: number; text_cached_tokens: number; text_out_tokens: number; seconds: number; text_items: number; usd: number; })[];
}

export interface CreateCallInput {
  callUuid?: string;
  direction: "inbound" | "outbound";
  fromNumber: string;
  toNumber: string;
  callSource?: string;
  sipUsername?: string | null;
  status?: "initiated" | "ringing" | "queued" | "answered" | null;
  startedAt?: Timestamp | Date | null;
  conversationId?: Uuid | null;
  queueId?: Uuid | null;
}

export interface UpdateCallInput {
  status?: "initiated" | "ringing" | "queued" | "answered" | "completed" | "failed" | "busy" | "no_answer" | "cancelled";
  endedAt?: Timestamp | Date | null;
  durationSeconds?: number | null;
  callSource?: string;
}

export interface CallCodecInput {
  callUuid: string;
}

export interface CallCodecAnswer {
  call_uuid: string;
  read_codec: "PCMU" | "opus" | null;
  write_codec: "PCMU" | "opus" | null;
}

export interface BargeCallInput {
  callUuid: string;
  sipUsername?: string | null;
  agentName?: string | null;
  mode?: "listen" | "whisper" | "barge" | null;
}

export interface BargeCallAnswer {
  call_uuid: string;
  status: "barged";
}

export interface ResumeAiCallInput {
  callUuid: string;
}

export interface ResumeAiCallAnswer {
  call_uuid: string;
  status: "ai_resumed";
}

export interface IssueSipAccessInput {
  operatorEmail?: string | null;
  sipUserId?: Uuid | null;
  agentName?: string | null;
  ttlSeconds?: number | null;
}

export interface IssueSipAccessAnswer {
  sip_username: string;
  sip_password: string;
  sip_domain: string;
  ws_url: string;
  expires_at: Timestamp;
  ttl_seconds: number;
}

export interface RevokeSipAccessInput {
  sipUsername: string;
}

export interface RevokeSipAccessAnswer {
  revoked: boolean;
}

export interface EndCallInput {
  callUuid: string;
}

export interface EndCallAnswer {
  call_uuid: string;
  status: "initiated" | "ringing" | "queued" | "answered" | "completed" | "failed" | "busy" | "no_answer" | "cancelled";
  ended_at: Timestamp;
}

export interface StartOutboundCallInput {
  toNumber: string;
  fromNumber?: string | null;
  sipUsername?: string | null;
  aiAgentId?: Uuid | null;
  metadata?: UntypedMap | null;
}

export interface StartOutboundCallAnswer {
  call_uuid: string;
  call_id: Uuid;
  status: "initiated";
  from_number: string;
  to_number: string;
}

export interface ListConversationItemsByPublicIdInput {
  publicId: string;
}

export interface CreateContactInput {
  fullName: string;
  email?: string | null;
  phoneE164?: string | null;
  notes?: string | null;
}

export interface UpdateContactInput {
  fullName?: string;
  email?: string | null;
  phoneE164?: string | null;
  notes?: string | null;
}

export interface IssueOperatorAccessTokenInput {
  email: string;
}

export interface IssueOperatorAccessTokenAnswer {
  token: string;
  expires_at: Timestamp;
  ttl_seconds: number;
}

export interface ListEventsInput {
  after?: string | number | null;
  limit?: number | null;
  callUuid?: string | null;
  type?: "call.created" | "call.ringing" | "call.answered" | "call.participant_joined" | "call.participant_left" | "call.transcript_delta" | "call.turn_completed" | "call.barge_in" | "call.idle_silence" | "call.held" | "call.resumed" | "call.transferred" | "call.audit" | "call.ended" | "contact.created" | "contact.updated" | "contact.deleted" | "conversation.created" | "conversation.updated" | "conversation.mode_changed" | "message.received" | "message.sent" | "message.delivered" | "message.read" | "message.dlr" | "message.failed" | "message.send_failed" | "message.opt_out" | "window.closing" | "call.quality" | "call.quality_degraded" | "queue.entry_changed" | "operator.status_changed" | readonly ("call.created" | "call.ringing" | "call.answered" | "call.participant_joined" | "call.participant_left" | "call.transcript_delta" | "call.turn_completed" | "call.barge_in" | "call.idle_silence" | "call.held" | "call.resumed" | "call.transferred" | "call.audit" | "call.ended" | "contact.created" | "contact.updated" | "contact.deleted" | "conversation.created" | "conversation.updated" | "conversation.mode_changed" | "message.received" | "message.sent" | "message.delivered" | "message.read" | "message.dlr" | "message.failed" | "message.send_failed" | "message.opt_out" | "window.closing" | "call.quality" | "call.quality_degraded" | "queue.entry_changed" | "operator.status_changed")[] | null;
}

export interface ListEventsAnswer {
  events: ({ position: string; offset: number; eventId: string; type: "call.created" | "call.ringing" | "call.answered" | "call.participant_joined" | "call.participant_left" | "call.transcript_delta" | "call.turn_completed" | "call.barge_in" | "call.idle_silence" | "call.held" | "call.resumed" | "call.transferred" | "call.audit" | "call.ended" | "contact.created" | "contact.updated" | "contact.deleted" | "conversation.created" | "conversation.updated" | "conversation.mode_changed" | "message.received" | "message.sent" | "message.delivered" | "message.read" | "message.dlr" | "message.failed" | "message.send_failed" | "message.opt_out" | "window.closing" | "call.quality" | "call.quality_degraded" | "queue.entry_changed" | "operator.status_changed"; callUuid: string | null; occurredAt: Timestamp; data: UntypedMap; })[];
  position: string;
  hasMore: boolean;
  recovered: boolean;
}

export interface CreateQueueInput {
  queueName: string;
  strategy: "ring-all" | "longest-idle-agent" | "round-robin" | "top-down" | "agent-with-least-talk-time" | "agent-with-fewest-calls" | "sequentially-by-agent-order" | "random";
  mohSound?: string | null;
  maxWaitTime?: number | null;
}

export interface UpdateQueueInput {
  strategy?: "ring-all" | "longest-idle-agent" | "round-robin" | "top-down" | "agent-with-least-talk-time" | "agent-with-fewest-calls" | "sequentially-by-agent-order" | "random";
  mohSound?: string | null;
  maxWaitTime?: number | null;
}

export interface CreateGatewayInput {
  name: string;
  username: string;
  realm: string;
  inboundAcl?: string[];
  provider?: "vonage" | "twilio" | "telnyx" | "bandwidth" | "custom" | null;
  proxy?: string | null;
  fromDomain?: string | null;
  fromUser?: string | null;
  register?: boolean | null;
  password?: string | null;
}

export interface UpdateGatewayInput {
  username?: string;
  realm?: string;
  inboundAcl?: string[];
  provider?: "vonage" | "twilio" | "telnyx" | "bandwidth" | "custom" | null;
  proxy?: string | null;
  fromDomain?: string | null;
  fromUser?: string | null;
  register?: boolean | null;
  password?: string | null;
}

export interface CreateSipUserInput {
  sipUsername: string;
  sipPassword: string;
  userId: Uuid;
}

export interface UpdateSipUserInput {
  sipPassword?: string;
  userId?: Uuid;
}

export interface CreatePhoneNumberInput {
  phoneE164: string;
  label?: string | null;
  gatewayId?: Uuid | null;
  queueId?: Uuid | null;
  aiAgentId?: Uuid | null;
  inboundEnabled?: boolean;
  outboundEnabled?: boolean;
  channels?: ("voice" | "sms" | "whatsapp")[];
}

export interface UpdatePhoneNumberInput {
  phoneE164?: string;
  label?: string | null;
  gatewayId?: Uuid | null;
  queueId?: Uuid | null;
  aiAgentId?: Uuid | null;
  inboundEnabled?: boolean;
  outboundEnabled?: boolean;
  channels?: ("voice" | "sms" | "whatsapp")[];
}

export interface CreateRoutingRuleInput {
  phoneNumberId: Uuid;
  priority: number;
  matchType: "keyword" | "regex" | "default";
  matchValue?: string | null;
  targetAgentId: Uuid;
}

export interface UpdateRoutingRuleInput {
  priority?: number;
  matchType?: "keyword" | "regex" | "default";
  matchValue?: string | null;
  targetAgentId?: Uuid;
}

export interface ExplainRouteInputMembers {
  phoneNumberId?: Uuid | null;
  phoneE164?: string | null;
  utterance?: string | null;
  silent?: boolean;
  channel?: "voice" | "sms" | "whatsapp";
}

export type ExplainRouteInput = OneOf<ExplainRouteInputMembers, "phoneNumberId" | "phoneE164">;

export interface ExplainRouteAnswer {
  outcome: "agent" | "wait" | "menu" | "nobody";
  why: "keyword" | "regex" | "default" | "number" | "listening" | "no_match" | "inbound_disabled" | "channel_not_enabled" | "no_agent" | "agent_disabled";
  agent_id: Uuid | null;
  rule_id: Uuid | null;
  choices: Uuid[];
}

export interface CreateAiAgentInput {
  name: string;
  model: string;
  enabled?: boolean;
  tools?: Tool[];
  local?: LocalDialogue | null;
  instructions?: string;
  greeting?: string;
  recordingEnabled?: boolean;
  consentRequired?: boolean;
  language?: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  preCallAnnouncement?: string;
  shareable?: boolean;
  callWindowStart?: string | null;
  callWindowEnd?: string | null;
  idleTimeoutSeconds?: number | null;
  builtinTools?: ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  webhookUrl?: string | null;
  voice?: string | null;
}

export interface UpdateAiAgentInput {
  model?: string;
  enabled?: boolean;
  tools?: Tool[];
  local?: LocalDialogue | null;
  instructions?: string;
  greeting?: string;
  recordingEnabled?: boolean;
  consentRequired?: boolean;
  language?: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  preCallAnnouncement?: string;
  shareable?: boolean;
  callWindowStart?: string | null;
  callWindowEnd?: string | null;
  idleTimeoutSeconds?: number | null;
  builtinTools?: ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  webhookUrl?: string | null;
  voice?: string | null;
}

export interface CreateProviderCredentialInput {
  provider: "openai" | "xai" | "gemini";
  apiKey: string;
}

export interface UpdateProviderCredentialInput {
  apiKey?: string;
}

export interface InviteTeamMemberInput {
  email: string;
  role?: "owner" | "admin" | "operator" | "member" | null;
}

export interface InviteTeamMemberAnswer {
  token: string;
  email: string;
  role: "owner" | "admin" | "operator" | "member";
  expires_at: Timestamp;
}

export interface UpdateTeamMemberInput {
  role?: "owner" | "admin" | "operator" | "member";
  fullName?: string | null;
}

export interface CreateKeyInput {
  label: string;
  kind?: "secret" | "publishable" | "management";
  expiresIn?: number | null;
}

export interface CreateKeyAnswer {
  key_id: Uuid;
  key: string;
  label: string;
  kind: "secret" | "publishable" | "management";
  environment: "live" | "test";
  last_four: string;
  expires_at: Timestamp | null;
}

export interface RevokeKeyInput {
  keyId: Uuid;
  endCalls?: boolean;
}

export interface RevokeKeyAnswer {
  revoked: boolean;
}

export interface CreateCallParticipantInput {
  callId: Uuid;
  memberUuid: string;
  role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor";
  joinedAt?: Timestamp | Date | null;
  leftAt?: Timestamp | Date | null;
}

export interface UpdateCallParticipantInput {
  leftAt?: Timestamp | Date;
}

export interface CreateConversationItemInput {
  conversationId: Uuid;
  content: string;
  role: "user" | "assistant" | "operator" | "system" | "tool";
  modality?: "text" | "audio";
  itemId?: string | null;
  contentIndex?: number | null;
  metadata?: UntypedMap | null;
  occurredAt?: Timestamp | Date | null;
}

/** The names of the actions on the wire. */
export const ACTIONS = {
  acceptTeamInvitation: "accept_team_invitation",
  listGateways: "list_gateways",
  listOperatorStatuses: "list_operator_statuses",
  setOperatorStatus: "set_operator_status",
  listConversations: "list_conversations",
  createConversation: "create_conversation",
  updateConversation: "update_conversation",
  listCallQueueEntries: "list_call_queue_entries",
  acceptCallQueueEntry: "accept_call_queue_entry",
  getCallQueueEntry: "get_call_queue_entry",
  listCallParticipants: "list_call_participants",
  listQueues: "list_queues",
  listCallTranscripts: "list_call_transcripts",
  listCalls: "list_calls",
  listUsage: "list_usage",
  sumUsage: "sum_usage",
  createCall: "create_call",
  updateCall: "update_call",
  callCodec: "call_codec",
  bargeCall: "barge_call",
  resumeAiCall: "resume_ai_call",
  issueSipAccess: "issue_sip_access",
  revokeSipAccess: "revoke_sip_access",
  endCall: "end_call",
  startOutboundCall: "start_outbound_call",
  listConversationItems: "list_conversation_items",
  listConversationItemsByPublicId: "list_conversation_items_by_public_id",
  listPhoneNumbers: "list_phone_numbers",
  listContacts: "list_contacts",
  createContact: "create_contact",
  updateContact: "update_contact",
  deleteContact: "delete_contact",
  issueOperatorAccessToken: "issue_operator_access_token",
  listEvents: "list_events",
  createQueue: "create_queue",
  updateQueue: "update_queue",
  deleteQueue: "delete_queue",
  createGateway: "create_gateway",
  updateGateway: "update_gateway",
  deleteGateway: "delete_gateway",
  listSipUsers: "list_sip_users",
  createSipUser: "create_sip_user",
  updateSipUser: "update_sip_user",
  deleteSipUser: "delete_sip_user",
  createPhoneNumber: "create_phone_number",
  updatePhoneNumber: "update_phone_number",
  deletePhoneNumber: "delete_phone_number",
  listRoutingRules: "list_routing_rules",
  createRoutingRule: "create_routing_rule",
  updateRoutingRule: "update_routing_rule",
  deleteRoutingRule: "delete_routing_rule",
  explainRoute: "explain_route",
  listAiAgents: "list_ai_agents",
  createAiAgent: "create_ai_agent",
  updateAiAgent: "update_ai_agent",
  deleteAiAgent: "delete_ai_agent",
  listProviderCredentials: "list_provider_credentials",
  createProviderCredential: "create_provider_credential",
  updateProviderCredential: "update_provider_credential",
  deleteProviderCredential: "delete_provider_credential",
  listUsers: "list_users",
  inviteTeamMember: "invite_team_member",
  removeTeamMember: "remove_team_member",
  updateTeamMember: "update_team_member",
  listKeys: "list_keys",
  createKey: "create_key",
  revokeKey: "revoke_key",
  listAuditEntries: "list_audit_entries",
  createCallParticipant: "create_call_participant",
  updateCallParticipant: "update_call_participant",
  createConversationItem: "create_conversation_item",
} as const;

/** A function per action, and one that only validates what it would be given. */
export interface Actions {
  /** Join the team with an invitation's token. Requires a `sk_live_` key. */
  acceptTeamInvitation(config: { input: AcceptTeamInvitationInput } & TransportOptions): Promise<Result<AcceptTeamInvitationAnswer, ErrorType>>;
  /** Says whether `acceptTeamInvitation` would take this. */
  validateAcceptTeamInvitation(config?: { input?: Partial<AcceptTeamInvitationInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List gateways. Takes `fields`. */
  listGateways<const F extends Fields<GatewayResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: GatewayFilter; sort?: Sort<GatewayResource>; page?: P } & Known<GatewayResource, F> & TransportOptions): Promise<Result<Listed<Selected<GatewayResource, F>, P>, ErrorType>>;
  /** Says whether `listGateways` would take this. */
  validateListGateways(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List operator statuses. Takes `fields`. Operator tokens may call it. */
  listOperatorStatuses<const F extends Fields<OperatorStatusResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: OperatorStatusFilter; sort?: Sort<OperatorStatusResource>; page?: P } & Known<OperatorStatusResource, F> & TransportOptions): Promise<Result<Listed<Selected<OperatorStatusResource, F>, P>, ErrorType>>;
  /** Says whether `listOperatorStatuses` would take this. */
  validateListOperatorStatuses(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Set the status of an operator. Operator tokens may call it. */
  setOperatorStatus<const F extends Fields<OperatorStatusResource> = readonly []>(config: { input: SetOperatorStatusInput; fields?: F } & Known<OperatorStatusResource, F> & TransportOptions): Promise<Result<Selected<OperatorStatusResource, F>, ErrorType>>;
  /** Says whether `setOperatorStatus` would take this. */
  validateSetOperatorStatus(config?: { input?: Partial<SetOperatorStatusInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List conversations. Takes `fields`. */
  listConversations<const F extends Fields<ConversationResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: ConversationFilter; sort?: Sort<ConversationResource>; page?: P } & Known<ConversationResource, F> & TransportOptions): Promise<Result<Listed<Selected<ConversationResource, F>, P>, ErrorType>>;
  /** Says whether `listConversations` would take this. */
  validateListConversations(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a conversation. */
  createConversation<const F extends Fields<ConversationResource> = readonly []>(config?: { input?: CreateConversationInput; fields?: F } & Known<ConversationResource, F> & TransportOptions): Promise<Result<Selected<ConversationResource, F>, ErrorType>>;
  /** Says whether `createConversation` would take this. */
  validateCreateConversation(config?: { input?: Partial<CreateConversationInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a conversation. */
  updateConversation<const F extends Fields<ConversationResource> = readonly []>(config: { identity: Uuid | { id: Uuid } | { publicId: string }; input?: UpdateConversationInput; fields?: F } & Known<ConversationResource, F> & TransportOptions): Promise<Result<Selected<ConversationResource, F>, ErrorType>>;
  /** Says whether `updateConversation` would take this. */
  validateUpdateConversation(config: { identity: Uuid | { id: Uuid } | { publicId: string }; input?: Partial<UpdateConversationInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List call queue entries. Takes `fields`. Operator tokens may call it. */
  listCallQueueEntries<const F extends Fields<CallQueueEntryResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: CallQueueEntryFilter; sort?: Sort<CallQueueEntryResource>; page?: P } & Known<CallQueueEntryResource, F> & TransportOptions): Promise<Result<Listed<Selected<CallQueueEntryResource, F>, P>, ErrorType>>;
  /** Says whether `listCallQueueEntries` would take this. */
  validateListCallQueueEntries(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Take a waiting call. Operator tokens may call it. */
  acceptCallQueueEntry<const F extends Fields<CallQueueEntryResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input: AcceptCallQueueEntryInput; fields?: F } & Known<CallQueueEntryResource, F> & TransportOptions): Promise<Result<Selected<CallQueueEntryResource, F>, ErrorType>>;
  /** Says whether `acceptCallQueueEntry` would take this. */
  validateAcceptCallQueueEntry(config: { identity: Uuid | { id: Uuid }; input?: Partial<AcceptCallQueueEntryInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Get a queue entry by its id, or a call's latest. Takes `fields`. Operator tokens may call it. */
  getCallQueueEntry<const F extends Fields<CallQueueEntryResource>>(config: { input: GetCallQueueEntryInput; fields: F } & Known<CallQueueEntryResource, F> & TransportOptions): Promise<Result<Selected<CallQueueEntryResource, F>, ErrorType>>;
  /** Says whether `getCallQueueEntry` would take this. */
  validateGetCallQueueEntry(config?: { input?: Partial<GetCallQueueEntryInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List call participants. Takes `fields`. Operator tokens may call it. */
  listCallParticipants<const F extends Fields<CallParticipantResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: CallParticipantFilter; sort?: Sort<CallParticipantResource>; page?: P } & Known<CallParticipantResource, F> & TransportOptions): Promise<Result<Listed<Selected<CallParticipantResource, F>, P>, ErrorType>>;
  /** Says whether `listCallParticipants` would take this. */
  validateListCallParticipants(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List queues. Takes `fields`. Operator tokens may call it. */
  listQueues<const F extends Fields<QueueResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: QueueFilter; sort?: Sort<QueueResource>; page?: P } & Known<QueueResource, F> & TransportOptions): Promise<Result<Listed<Selected<QueueResource, F>, P>, ErrorType>>;
  /** Says whether `listQueues` would take this. */
  validateListQueues(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List call transcripts. Takes `fields`. Operator tokens may call it. */
  listCallTranscripts<const F extends Fields<CallTranscriptResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: CallTranscriptFilter; sort?: Sort<CallTranscriptResource>; page?: P } & Known<CallTranscriptResource, F> & TransportOptions): Promise<Result<Listed<Selected<CallTranscriptResource, F>, P>, ErrorType>>;
  /** Says whether `listCallTranscripts` would take this. */
  validateListCallTranscripts(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List calls. Takes `fields`. Operator tokens may call it. */
  listCalls<const F extends Fields<CallResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: CallFilter; sort?: Sort<CallResource>; page?: P } & Known<CallResource, F> & TransportOptions): Promise<Result<Listed<Selected<CallResource, F>, P>, ErrorType>>;
  /** Says whether `listCalls` would take this. */
  validateListCalls(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List usage. Takes `fields`. */
  listUsage<const F extends Fields<UsageResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: UsageFilter; sort?: Sort<UsageResource>; page?: P } & Known<UsageResource, F> & TransportOptions): Promise<Result<Listed<Selected<UsageResource, F>, P>, ErrorType>>;
  /** Says whether `listUsage` would take this. */
  validateListUsage(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Sum up what agents and models used in a calendar month (UTC), by default this one. */
  sumUsage(config?: { input?: SumUsageInput } & TransportOptions): Promise<Result<SumUsageAnswer, ErrorType>>;
  /** Says whether `sumUsage` would take this. */
  validateSumUsage(config?: { input?: Partial<SumUsageInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Register a call on another system. */
  createCall<const F extends Fields<CallResource> = readonly []>(config: { input: CreateCallInput; fields?: F } & Known<CallResource, F> & TransportOptions): Promise<Result<Selected<CallResource, F>, ErrorType>>;
  /** Says whether `createCall` would take this. */
  validateCreateCall(config?: { input?: Partial<CreateCallInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Report a change of an external call. */
  updateCall<const F extends Fields<CallResource> = readonly []>(config: { identity: Uuid | { id: Uuid } | { callUuid: string }; input?: UpdateCallInput; fields?: F } & Known<CallResource, F> & TransportOptions): Promise<Result<Selected<CallResource, F>, ErrorType>>;
  /** Says whether `updateCall` would take this. */
  validateUpdateCall(config: { identity: Uuid | { id: Uuid } | { callUuid: string }; input?: Partial<UpdateCallInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Get a call's codecs. Operator tokens may call it. */
  callCodec(config: { input: CallCodecInput } & TransportOptions): Promise<Result<CallCodecAnswer, ErrorType>>;
  /** Says whether `callCodec` would take this. */
  validateCallCodec(config?: { input?: Partial<CallCodecInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Take a call over from its agent; until there is telephony, its caller hears silence. Needs telephony, for `listen` and `whisper` and for external calls; without it the error is `not_configured`. Operator tokens may call it. */
  bargeCall(config: { input: BargeCallInput } & TransportOptions): Promise<Result<BargeCallAnswer, ErrorType>>;
  /** Says whether `bargeCall` would take this. */
  validateBargeCall(config?: { input?: Partial<BargeCallInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Hand a call back to its agent. Operator tokens may call it. */
  resumeAiCall(config: { input: ResumeAiCallInput } & TransportOptions): Promise<Result<ResumeAiCallAnswer, ErrorType>>;
  /** Says whether `resumeAiCall` would take this. */
  validateResumeAiCall(config?: { input?: Partial<ResumeAiCallInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Issue temporary SIP credentials. Needs telephony; without it the error is `not_configured`. Operator tokens may call it. The answer holds a credential, which is shown only once. */
  issueSipAccess(config?: { input?: IssueSipAccessInput } & TransportOptions): Promise<Result<IssueSipAccessAnswer, ErrorType>>;
  /** Says whether `issueSipAccess` would take this. */
  validateIssueSipAccess(config?: { input?: Partial<IssueSipAccessInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Revoke SIP credentials. Operator tokens may call it. */
  revokeSipAccess(config: { input: RevokeSipAccessInput } & TransportOptions): Promise<Result<RevokeSipAccessAnswer, ErrorType>>;
  /** Says whether `revokeSipAccess` would take this. */
  validateRevokeSipAccess(config?: { input?: Partial<RevokeSipAccessInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** End a call. Operator tokens may call it. */
  endCall(config: { input: EndCallInput } & TransportOptions): Promise<Result<EndCallAnswer, ErrorType>>;
  /** Says whether `endCall` would take this. */
  validateEndCall(config?: { input?: Partial<EndCallInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Place a call. Needs telephony; without it the error is `not_configured`. Operator tokens may call it. */
  startOutboundCall(config: { input: StartOutboundCallInput } & TransportOptions): Promise<Result<StartOutboundCallAnswer, ErrorType>>;
  /** Says whether `startOutboundCall` would take this. */
  validateStartOutboundCall(config?: { input?: Partial<StartOutboundCallInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List conversation items. Takes `fields`. Operator tokens may call it. */
  listConversationItems<const F extends Fields<ConversationItemResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: ConversationItemFilter; sort?: Sort<ConversationItemResource>; page?: P } & Known<ConversationItemResource, F> & TransportOptions): Promise<Result<Listed<Selected<ConversationItemResource, F>, P>, ErrorType>>;
  /** Says whether `listConversationItems` would take this. */
  validateListConversationItems(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List the items of the conversation with a public id. Takes `fields`. Operator tokens may call it. */
  listConversationItemsByPublicId<const F extends Fields<ConversationItemResource>>(config: { input: ListConversationItemsByPublicIdInput; fields: F; filter?: ConversationItemFilter; sort?: Sort<ConversationItemResource> } & Known<ConversationItemResource, F> & TransportOptions): Promise<Result<Selected<ConversationItemResource, F>[], ErrorType>>;
  /** Says whether `listConversationItemsByPublicId` would take this. */
  validateListConversationItemsByPublicId(config?: { input?: Partial<ListConversationItemsByPublicIdInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List phone numbers. Takes `fields`. Operator tokens may call it. */
  listPhoneNumbers<const F extends Fields<PhoneNumberResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: PhoneNumberFilter; sort?: Sort<PhoneNumberResource>; page?: P } & Known<PhoneNumberResource, F> & TransportOptions): Promise<Result<Listed<Selected<PhoneNumberResource, F>, P>, ErrorType>>;
  /** Says whether `listPhoneNumbers` would take this. */
  validateListPhoneNumbers(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List contacts. Takes `fields`. Operator tokens may call it. */
  listContacts<const F extends Fields<ContactResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: ContactFilter; sort?: Sort<ContactResource>; page?: P } & Known<ContactResource, F> & TransportOptions): Promise<Result<Listed<Selected<ContactResource, F>, P>, ErrorType>>;
  /** Says whether `listContacts` would take this. */
  validateListContacts(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a contact. */
  createContact<const F extends Fields<ContactResource> = readonly []>(config: { input: CreateContactInput; fields?: F } & Known<ContactResource, F> & TransportOptions): Promise<Result<Selected<ContactResource, F>, ErrorType>>;
  /** Says whether `createContact` would take this. */
  validateCreateContact(config?: { input?: Partial<CreateContactInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a contact. */
  updateContact<const F extends Fields<ContactResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateContactInput; fields?: F } & Known<ContactResource, F> & TransportOptions): Promise<Result<Selected<ContactResource, F>, ErrorType>>;
  /** Says whether `updateContact` would take this. */
  validateUpdateContact(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateContactInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a contact. */
  deleteContact<const F extends Fields<ContactResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<ContactResource, F> & TransportOptions): Promise<Result<Selected<ContactResource, F>, ErrorType>>;
  /** Says whether `deleteContact` would take this. */
  validateDeleteContact(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Mint an operator token for a browser. The answer holds a credential, which is shown only once. */
  issueOperatorAccessToken(config: { input: IssueOperatorAccessTokenInput } & TransportOptions): Promise<Result<IssueOperatorAccessTokenAnswer, ErrorType>>;
  /** Says whether `issueOperatorAccessToken` would take this. */
  validateIssueOperatorAccessToken(config?: { input?: Partial<IssueOperatorAccessTokenInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Read the event log from a position. */
  listEvents(config?: { input?: ListEventsInput } & TransportOptions): Promise<Result<ListEventsAnswer, ErrorType>>;
  /** Says whether `listEvents` would take this. */
  validateListEvents(config?: { input?: Partial<ListEventsInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a queue. */
  createQueue<const F extends Fields<QueueResource> = readonly []>(config: { input: CreateQueueInput; fields?: F } & Known<QueueResource, F> & TransportOptions): Promise<Result<Selected<QueueResource, F>, ErrorType>>;
  /** Says whether `createQueue` would take this. */
  validateCreateQueue(config?: { input?: Partial<CreateQueueInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a queue. */
  updateQueue<const F extends Fields<QueueResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateQueueInput; fields?: F } & Known<QueueResource, F> & TransportOptions): Promise<Result<Selected<QueueResource, F>, ErrorType>>;
  /** Says whether `updateQueue` would take this. */
  validateUpdateQueue(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateQueueInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a queue. */
  deleteQueue<const F extends Fields<QueueResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<QueueResource, F> & TransportOptions): Promise<Result<Selected<QueueResource, F>, ErrorType>>;
  /** Says whether `deleteQueue` would take this. */
  validateDeleteQueue(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a gateway. */
  createGateway<const F extends Fields<GatewayResource> = readonly []>(config: { input: CreateGatewayInput; fields?: F } & Known<GatewayResource, F> & TransportOptions): Promise<Result<Selected<GatewayResource, F>, ErrorType>>;
  /** Says whether `createGateway` would take this. */
  validateCreateGateway(config?: { input?: Partial<CreateGatewayInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a gateway. */
  updateGateway<const F extends Fields<GatewayResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateGatewayInput; fields?: F } & Known<GatewayResource, F> & TransportOptions): Promise<Result<Selected<GatewayResource, F>, ErrorType>>;
  /** Says whether `updateGateway` would take this. */
  validateUpdateGateway(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateGatewayInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a gateway. */
  deleteGateway<const F extends Fields<GatewayResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<GatewayResource, F> & TransportOptions): Promise<Result<Selected<GatewayResource, F>, ErrorType>>;
  /** Says whether `deleteGateway` would take this. */
  validateDeleteGateway(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List SIP users. Takes `fields`. */
  listSipUsers<const F extends Fields<SipUserResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: SipUserFilter; sort?: Sort<SipUserResource>; page?: P } & Known<SipUserResource, F> & TransportOptions): Promise<Result<Listed<Selected<SipUserResource, F>, P>, ErrorType>>;
  /** Says whether `listSipUsers` would take this. */
  validateListSipUsers(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a SIP user. */
  createSipUser<const F extends Fields<SipUserResource> = readonly []>(config: { input: CreateSipUserInput; fields?: F } & Known<SipUserResource, F> & TransportOptions): Promise<Result<Selected<SipUserResource, F>, ErrorType>>;
  /** Says whether `createSipUser` would take this. */
  validateCreateSipUser(config?: { input?: Partial<CreateSipUserInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a SIP user. */
  updateSipUser<const F extends Fields<SipUserResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateSipUserInput; fields?: F } & Known<SipUserResource, F> & TransportOptions): Promise<Result<Selected<SipUserResource, F>, ErrorType>>;
  /** Says whether `updateSipUser` would take this. */
  validateUpdateSipUser(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateSipUserInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a SIP user. */
  deleteSipUser<const F extends Fields<SipUserResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<SipUserResource, F> & TransportOptions): Promise<Result<Selected<SipUserResource, F>, ErrorType>>;
  /** Says whether `deleteSipUser` would take this. */
  validateDeleteSipUser(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a phone number. */
  createPhoneNumber<const F extends Fields<PhoneNumberResource> = readonly []>(config: { input: CreatePhoneNumberInput; fields?: F } & Known<PhoneNumberResource, F> & TransportOptions): Promise<Result<Selected<PhoneNumberResource, F>, ErrorType>>;
  /** Says whether `createPhoneNumber` would take this. */
  validateCreatePhoneNumber(config?: { input?: Partial<CreatePhoneNumberInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a phone number. */
  updatePhoneNumber<const F extends Fields<PhoneNumberResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdatePhoneNumberInput; fields?: F } & Known<PhoneNumberResource, F> & TransportOptions): Promise<Result<Selected<PhoneNumberResource, F>, ErrorType>>;
  /** Says whether `updatePhoneNumber` would take this. */
  validateUpdatePhoneNumber(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdatePhoneNumberInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a phone number. */
  deletePhoneNumber<const F extends Fields<PhoneNumberResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<PhoneNumberResource, F> & TransportOptions): Promise<Result<Selected<PhoneNumberResource, F>, ErrorType>>;
  /** Says whether `deletePhoneNumber` would take this. */
  validateDeletePhoneNumber(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List routing rules. Takes `fields`. */
  listRoutingRules<const F extends Fields<RoutingRuleResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: RoutingRuleFilter; sort?: Sort<RoutingRuleResource>; page?: P } & Known<RoutingRuleResource, F> & TransportOptions): Promise<Result<Listed<Selected<RoutingRuleResource, F>, P>, ErrorType>>;
  /** Says whether `listRoutingRules` would take this. */
  validateListRoutingRules(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a routing rule. */
  createRoutingRule<const F extends Fields<RoutingRuleResource> = readonly []>(config: { input: CreateRoutingRuleInput; fields?: F } & Known<RoutingRuleResource, F> & TransportOptions): Promise<Result<Selected<RoutingRuleResource, F>, ErrorType>>;
  /** Says whether `createRoutingRule` would take this. */
  validateCreateRoutingRule(config?: { input?: Partial<CreateRoutingRuleInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a routing rule. */
  updateRoutingRule<const F extends Fields<RoutingRuleResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateRoutingRuleInput; fields?: F } & Known<RoutingRuleResource, F> & TransportOptions): Promise<Result<Selected<RoutingRuleResource, F>, ErrorType>>;
  /** Says whether `updateRoutingRule` would take this. */
  validateUpdateRoutingRule(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateRoutingRuleInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a routing rule. */
  deleteRoutingRule<const F extends Fields<RoutingRuleResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<RoutingRuleResource, F> & TransportOptions): Promise<Result<Selected<RoutingRuleResource, F>, ErrorType>>;
  /** Says whether `deleteRoutingRule` would take this. */
  validateDeleteRoutingRule(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Say who would answer a number of yours, and why. */
  explainRoute(config: { input: ExplainRouteInput } & TransportOptions): Promise<Result<ExplainRouteAnswer, ErrorType>>;
  /** Says whether `explainRoute` would take this. */
  validateExplainRoute(config?: { input?: Partial<ExplainRouteInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List AI agents. Takes `fields`. */
  listAiAgents<const F extends Fields<AiAgentResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: AiAgentFilter; sort?: Sort<AiAgentResource>; page?: P } & Known<AiAgentResource, F> & TransportOptions): Promise<Result<Listed<Selected<AiAgentResource, F>, P>, ErrorType>>;
  /** Says whether `listAiAgents` would take this. */
  validateListAiAgents(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create an AI agent. */
  createAiAgent<const F extends Fields<AiAgentResource> = readonly []>(config: { input: CreateAiAgentInput; fields?: F } & Known<AiAgentResource, F> & TransportOptions): Promise<Result<Selected<AiAgentResource, F>, ErrorType>>;
  /** Says whether `createAiAgent` would take this. */
  validateCreateAiAgent(config?: { input?: Partial<CreateAiAgentInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update an AI agent. */
  updateAiAgent<const F extends Fields<AiAgentResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateAiAgentInput; fields?: F } & Known<AiAgentResource, F> & TransportOptions): Promise<Result<Selected<AiAgentResource, F>, ErrorType>>;
  /** Says whether `updateAiAgent` would take this. */
  validateUpdateAiAgent(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateAiAgentInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete an AI agent. */
  deleteAiAgent<const F extends Fields<AiAgentResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<AiAgentResource, F> & TransportOptions): Promise<Result<Selected<AiAgentResource, F>, ErrorType>>;
  /** Says whether `deleteAiAgent` would take this. */
  validateDeleteAiAgent(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List provider credentials. Takes `fields`. */
  listProviderCredentials<const F extends Fields<ProviderCredentialResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: ProviderCredentialFilter; sort?: Sort<ProviderCredentialResource>; page?: P } & Known<ProviderCredentialResource, F> & TransportOptions): Promise<Result<Listed<Selected<ProviderCredentialResource, F>, P>, ErrorType>>;
  /** Says whether `listProviderCredentials` would take this. */
  validateListProviderCredentials(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a provider credential. */
  createProviderCredential<const F extends Fields<ProviderCredentialResource> = readonly []>(config: { input: CreateProviderCredentialInput; fields?: F } & Known<ProviderCredentialResource, F> & TransportOptions): Promise<Result<Selected<ProviderCredentialResource, F>, ErrorType>>;
  /** Says whether `createProviderCredential` would take this. */
  validateCreateProviderCredential(config?: { input?: Partial<CreateProviderCredentialInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Update a provider credential. */
  updateProviderCredential<const F extends Fields<ProviderCredentialResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateProviderCredentialInput; fields?: F } & Known<ProviderCredentialResource, F> & TransportOptions): Promise<Result<Selected<ProviderCredentialResource, F>, ErrorType>>;
  /** Says whether `updateProviderCredential` would take this. */
  validateUpdateProviderCredential(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateProviderCredentialInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Delete a provider credential. */
  deleteProviderCredential<const F extends Fields<ProviderCredentialResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<ProviderCredentialResource, F> & TransportOptions): Promise<Result<Selected<ProviderCredentialResource, F>, ErrorType>>;
  /** Says whether `deleteProviderCredential` would take this. */
  validateDeleteProviderCredential(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List users. Takes `fields`. */
  listUsers<const F extends Fields<UserResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: UserFilter; sort?: Sort<UserResource>; page?: P } & Known<UserResource, F> & TransportOptions): Promise<Result<Listed<Selected<UserResource, F>, P>, ErrorType>>;
  /** Says whether `listUsers` would take this. */
  validateListUsers(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Invite somebody to the team. Requires a `sk_live_` key. The answer holds a credential, which is shown only once. */
  inviteTeamMember(config: { input: InviteTeamMemberInput } & TransportOptions): Promise<Result<InviteTeamMemberAnswer, ErrorType>>;
  /** Says whether `inviteTeamMember` would take this. */
  validateInviteTeamMember(config?: { input?: Partial<InviteTeamMemberInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Remove somebody from the team. Requires a `sk_live_` key. */
  removeTeamMember<const F extends Fields<UserResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; fields?: F } & Known<UserResource, F> & TransportOptions): Promise<Result<Selected<UserResource, F>, ErrorType>>;
  /** Says whether `removeTeamMember` would take this. */
  validateRemoveTeamMember(config: { identity: Uuid | { id: Uuid } } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Change the role or the name of a member of the team. Only for people who have signed in to the console, never for API keys. */
  updateTeamMember<const F extends Fields<UserResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateTeamMemberInput; fields?: F } & Known<UserResource, F> & TransportOptions): Promise<Result<Selected<UserResource, F>, ErrorType>>;
  /** Says whether `updateTeamMember` would take this. */
  validateUpdateTeamMember(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateTeamMemberInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List keys. Takes `fields`. Only for people who have signed in to the console, never for API keys. */
  listKeys<const F extends Fields<KeyResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: KeyFilter; sort?: Sort<KeyResource>; page?: P } & Known<KeyResource, F> & TransportOptions): Promise<Result<Listed<Selected<KeyResource, F>, P>, ErrorType>>;
  /** Says whether `listKeys` would take this. */
  validateListKeys(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Create a key of this environment. Only for people who have signed in to the console, never for API keys. The answer holds a credential, which is shown only once. */
  createKey(config: { input: CreateKeyInput } & TransportOptions): Promise<Result<CreateKeyAnswer, ErrorType>>;
  /** Says whether `createKey` would take this. */
  validateCreateKey(config?: { input?: Partial<CreateKeyInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Revoke a key; what it opened closes within a second, its calls if they are to end. Only for people who have signed in to the console, never for API keys. */
  revokeKey(config: { input: RevokeKeyInput } & TransportOptions): Promise<Result<RevokeKeyAnswer, ErrorType>>;
  /** Says whether `revokeKey` would take this. */
  validateRevokeKey(config?: { input?: Partial<RevokeKeyInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** List the audit log; operators and members see their own entries. Takes `fields`. Only for people who have signed in to the console, never for API keys. */
  listAuditEntries<const F extends Fields<AuditEntryResource>, P extends PageRequest | undefined = undefined>(config: { fields: F; filter?: AuditEntryFilter; sort?: Sort<AuditEntryResource>; page?: P } & Known<AuditEntryResource, F> & TransportOptions): Promise<Result<Listed<Selected<AuditEntryResource, F>, P>, ErrorType>>;
  /** Says whether `listAuditEntries` would take this. */
  validateListAuditEntries(config?: TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Report that somebody joined an external call. */
  createCallParticipant<const F extends Fields<CallParticipantResource> = readonly []>(config: { input: CreateCallParticipantInput; fields?: F } & Known<CallParticipantResource, F> & TransportOptions): Promise<Result<Selected<CallParticipantResource, F>, ErrorType>>;
  /** Says whether `createCallParticipant` would take this. */
  validateCreateCallParticipant(config?: { input?: Partial<CreateCallParticipantInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Report that somebody left an external call. */
  updateCallParticipant<const F extends Fields<CallParticipantResource> = readonly []>(config: { identity: Uuid | { id: Uuid }; input?: UpdateCallParticipantInput; fields?: F } & Known<CallParticipantResource, F> & TransportOptions): Promise<Result<Selected<CallParticipantResource, F>, ErrorType>>;
  /** Says whether `updateCallParticipant` would take this. */
  validateUpdateCallParticipant(config: { identity: Uuid | { id: Uuid }; input?: Partial<UpdateCallParticipantInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
  /** Add an item to a conversation. */
  createConversationItem<const F extends Fields<ConversationItemResource> = readonly []>(config: { input: CreateConversationItemInput; fields?: F } & Known<ConversationItemResource, F> & TransportOptions): Promise<Result<Selected<ConversationItemResource, F>, ErrorType>>;
  /** Says whether `createConversationItem` would take this. */
  validateCreateConversationItem(config?: { input?: Partial<CreateConversationItemInput> } & TransportOptions): Promise<ValidationResult<ErrorType>>;
}

export interface IncomingCallEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  direction: "inbound";
  fromNumber: string;
  toNumber: string;
  status: "ringing";
  startedAt: Timestamp;
  callSource: string;
  conversationId: Uuid | null;
  queueEntryId: Uuid | null;
  queueName: string | null;
  contact: { id: Uuid; fullName: string; phoneE164: string } | null;
}

export interface CallAnsweredEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  status: "answered";
  answeredAt: Timestamp;
  fromNumber: string;
  toNumber: string;
  sipUsername: string | null;
  answeredBy: "operator" | "ai_agent";
}

export interface CallEndedEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  status: "completed" | "failed" | "busy" | "no_answer" | "cancelled";
  endedAt: Timestamp;
  durationSeconds: number;
  fromNumber: string;
  toNumber: string;
  hangupCause: "caller_hangup" | "agent_hangup" | "api_hangup" | "transferred" | "no_answer" | "busy" | "failed" | "idle_timeout" | "max_duration" | "budget_exhausted" | "agent_error" | "upstream_lost" | "storage_lost" | "server_lost" | "server_shutdown" | "revoked" | "internal_error";
}

export interface CallParticipantJoinedEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  participantId: Uuid;
  memberUuid: string;
  role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor";
  joinedAt: Timestamp;
}

export interface CallParticipantLeftEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  participantId: Uuid;
  memberUuid: string;
  role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor";
  joinedAt: Timestamp;
  leftAt: Timestamp;
}

export interface CallTranscriptDeltaEvent {
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  itemId: string;
  contentIndex: number;
  role: "user" | "assistant";
  delta: string;
  sequence: number;
}

export interface CallTranscriptCompletedEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  itemId: string;
  contentIndex: number;
  role: "user" | "assistant";
  transcript: string;
  transcriptId: Uuid;
  interrupted?: boolean;
  spokenText?: string;
  recognized?: boolean;
  latency?: { totalMs: number; voiceMs: number; gatewayMs: number };
}

export interface CallAiAuditEventEvent {
  eventId: string;
  position: string;
  occurredAt: Timestamp;
  organisationId: Uuid;
  callUuid: string;
  callId: Uuid;
  auditType: "tool_call" | "tool_result" | "handoff" | "policy" | "error" | "note";
  aiAgentId: Uuid | null;
  conversationId: Uuid | null;
  data: UntypedMap;
}

/** The events of a workspace by their names. */
export interface Events {
  incoming_call: IncomingCallEvent;
  call_answered: CallAnsweredEvent;
  call_ended: CallEndedEvent;
  call_participant_joined: CallParticipantJoinedEvent;
  call_participant_left: CallParticipantLeftEvent;
  call_transcript_delta: CallTranscriptDeltaEvent;
  call_transcript_completed: CallTranscriptCompletedEvent;
  call_ai_audit_event: CallAiAuditEventEvent;
}
