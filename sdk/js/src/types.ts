// What the generated types are made of: how a selection of fields becomes the type of its
// result, how filters and sorts are checked, and what every answer looks like.

/** An id, a UUID. */
export type Uuid = string;
/** A time in UTC, ISO 8601 with microseconds. */
export type Timestamp = string;
/** An object whose keys are your own. */
export type UntypedMap = Record<string, unknown>;

/** A function that a voice may ask the client to run. */
export interface Tool {
  name: string;
  description?: string;
  parameters?: UntypedMap;
}

/** What an agent's local voice understands, and what it says to each intent. */
export interface LocalDialogue {
  phrases?: { text: string; intent: string }[];
  replies?: Record<string, string>;
}

// -- resources ----------------------------------------------------------------------------

/** A resource as types see it. */
export interface Resource {
  fields: object;
  relationships: object;
  filter: object;
  sorts: string;
}

/** A relationship: to one record, to one or none, or to many. */
export interface Relation<Target, Kind extends "one" | "maybe" | "many"> {
  target: Target;
  kind: Kind;
}

/** What `fields` may be: names of fields, and objects of relationships with fields of theirs. */
export type Fields<R extends Resource> = readonly (
  | (keyof R["fields"] & string)
  | RelatedFields<R["relationships"]>
)[];

// Without relationships there is no object: `{}` would let every string in.
type RelatedFields<Relationships> = keyof Relationships extends never
  ? never
  : { readonly [Name in keyof Relationships]?: FieldsOfTarget<Relationships[Name]> };

type FieldsOfTarget<T> = T extends Relation<infer Target extends Resource, infer _>
  ? Fields<Target>
  : never;

/** `F` itself, but `never` wherever it names what the resource does not have. */
export type Exact<R extends Resource, F> = {
  [Index in keyof F]: F[Index] extends string ? F[Index] : ExactRelated<R, F[Index]>;
};

/**
 * Nothing, or the fields that were meant where `F` names what the resource does not have. It
 * stands beside `F`, not in its place: up to TypeScript 5.2 that would keep `F` from being inferred.
 */
export type Known<R extends Resource, F> =
  F extends Exact<R, F> ? unknown : { fields: Exact<R, F> };

type ExactRelated<R extends Resource, Item> = {
  [Name in keyof Item]: Name extends keyof R["relationships"]
    ? R["relationships"][Name] extends Relation<infer Target extends Resource, infer _>
      ? Exact<Target, Item[Name]>
      : never
    : never;
};

/**
 * The record that a selection is answered with. A list of fields that was written down as it
 * is gives exactly those members; one that is only known at run time makes all optional.
 */
export type Selected<R extends Resource, F extends readonly unknown[]> = number extends F["length"]
  ? Flat<Partial<Picked<R, F[number]>>>
  : Flat<Picked<R, F[number]>>;

type Flat<T> = { [Key in keyof T]: T[Key] } & {};

type Picked<R extends Resource, Item> = {
  [Name in keyof R["fields"] as Name extends Item ? Name : never]: R["fields"][Name];
} & {
  [Name in keyof R["relationships"] as Name extends KeyOf<Item> ? Name : never]: Related<
    R["relationships"][Name],
    FieldsUnder<Item, Name>
  >;
};

type KeyOf<Item> = Item extends object ? keyof Item : never;

type FieldsUnder<Item, Name> = Item extends object
  ? Name extends keyof Item
    ? Extract<Item[Name], readonly unknown[]>
    : never
  : never;

type Related<T, F extends readonly unknown[]> = T extends Relation<
  infer Target extends Resource,
  infer Kind
>
  ? Kind extends "many"
    ? Selected<Target, F>[]
    : Kind extends "maybe"
      ? Selected<Target, F> | null
      : Selected<Target, F>
  : never;

// -- filter and sort ----------------------------------------------------------------------

interface Equality<Value> {
  eq?: Value;
  notEq?: Value;
}
interface Membership<Value> {
  in?: readonly Value[];
}
interface Order<Value> {
  greaterThan?: Value;
  greaterThanOrEqual?: Value;
  lessThan?: Value;
  lessThanOrEqual?: Value;
}
interface Search {
  contains?: string;
  stringStartsWith?: string;
  stringEndsWith?: string;
}

/** Whether there is a value at all. */
export interface ByNil {
  isNil?: boolean;
}
export type ByText = string | (Equality<string> & Membership<string> & Search);
export type ById = Uuid | (Equality<Uuid> & Membership<Uuid>);
export type ByWord<Word extends string> = Word | (Equality<Word> & Membership<Word>);
export type ByBoolean = boolean | Equality<boolean>;
export type ByNumber = number | (Equality<number> & Membership<number> & Order<number>);
export type ByTime =
  | Timestamp
  | Date
  | (Equality<Timestamp | Date> & Membership<Timestamp | Date> & Order<Timestamp | Date>);

/** The predicates of a field that may be null. */
export type Nullable<Predicate> = Predicate extends string | number | boolean | Date
  ? Predicate
  : Predicate & ByNil;

/** Filters joined; several members of one filter all have to hold. */
export interface Joined<Filter> {
  and?: Filter | readonly Filter[];
  or?: Filter | readonly Filter[];
  not?: Filter | readonly Filter[];
}

type SortPrefix = "" | "+" | "-" | "++" | "--";
type ToOne<R extends Resource> = {
  [Name in keyof R["relationships"]]: R["relationships"][Name] extends Relation<infer _, "many">
    ? never
    : Name;
}[keyof R["relationships"]] &
  string;
type SortItem<R extends Resource> = `${SortPrefix}${R["sorts"] | `${ToOne<R>}.${string}`}`;

/** Fields to sort by: `-` descends with null first, `--` with null last, `++` ascends with null first. */
export type Sort<R extends Resource> =
  | SortItem<R>
  | `${SortItem<R>},${string}`
  | readonly SortItem<R>[];

// -- pages --------------------------------------------------------------------------------

export interface OffsetPageRequest {
  limit?: number;
  offset?: number;
  count?: boolean;
  after?: never;
  before?: never;
}
export interface KeysetPageRequest {
  limit?: number;
  after?: string | null;
  before?: string | null;
  count?: boolean;
  offset?: never;
}
export type PageRequest = OffsetPageRequest | KeysetPageRequest;

export interface OffsetPage<Item> {
  type: "offset";
  results: Item[];
  hasMore: boolean;
  limit: number;
  offset: number;
  count: number | null;
}
export interface KeysetPage<Item> {
  type: "keyset";
  results: Item[];
  hasMore: boolean;
  limit: number;
  after: string | null;
  before: string | null;
  previousPage: string | null;
  nextPage: string | null;
  count: number | null;
}

/** What a list answers: an array, or the page that `page` asks for. */
export type Listed<Item, Page> = [Page] extends [undefined]
  ? Item[]
  : Page extends undefined
    ? Item[]
    : PageOf<Item, Page>;

type PageOf<Item, Page> = Page extends { offset: number }
  ? OffsetPage<Item>
  : Page extends { limit: number } | { after: unknown } | { before: unknown } | { count: unknown }
    ? KeysetPage<Item>
    : {} extends Page
      ? keyof Page extends never
        ? Item[]
        : Item[] | OffsetPage<Item> | KeysetPage<Item>
      : Item[];

// -- answers ------------------------------------------------------------------------------

/** One error. `message` may hold placeholders `%{…}` that stand for members of `vars`. */
export interface RpcError<Type extends string = string> {
  type: Type;
  message: string;
  shortMessage: string;
  vars: Record<string, unknown>;
  fields: string[];
  path: string[];
  details?: Record<string, unknown>;
  code?: string;
}

export interface Failure<Type extends string = string> {
  success: false;
  errors: RpcError<Type>[];
}
export type Result<Data, Type extends string = string> =
  | { success: true; data: Data }
  | Failure<Type>;
export type ValidationResult<Type extends string = string> = { success: true } | Failure<Type>;

/** At least one of these members. */
export type OneOf<Input, Names extends keyof Input> = Input &
  { [Name in Names]: Required<Pick<Input, Name>> }[Names];
