// The form that a tool's schema makes: a field for what has one, a group for an object, JSON for the rest. What servers write as
// schemas is not believed: each walk over one is bounded.

const GROUPS_MAX = 4; // one within another
const FIELDS_MAX = 200;
const SHAPE_MAX = 300;

const isObject = (it) => it !== null && typeof it === 'object' && !Array.isArray(it);
const isScalar = (it) => it === null || ['string', 'number', 'boolean'].includes(typeof it);
const propertiesOf = (schema) => Object.entries(isObject(schema?.properties) ? schema.properties : {});

// ---- what a schema means ----

/** What a reference within the schema leads to: "#/$defs/Point". */
function follow(root, ref) {
  if (typeof ref !== 'string' || !/^#(\/|$)/.test(ref)) return undefined;
  return ref.slice(2).split('/').filter(Boolean).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((at, step) => (Object.hasOwn(Object(at), step) ? at[step] : undefined), root);
}

const choice = (value, title) => ({ value, name: typeof title === 'string' ? title : String(value) });

/** The values of which it is one; undefined: of no such few. */
function choicesOf({ enum: values, const: value, type }, union) {
  if (Array.isArray(values) && values.length > 0 && values.every(isScalar)) return values.map((it) => choice(it));
  if (union.length > 0 && union.every((it) => isScalar(it?.const))) return union.map((it) => choice(it.const, it.title));
  if (isScalar(value)) return [choice(value)];
  return type === 'boolean' ? [choice(true), choice(false)] : undefined;
}

/** A schema as it is meant: references are followed, what is alone in an allOf or beside null in a union stands for itself. */
function settle(given, root, steps = 16) {
  if (!isObject(given) || steps === 0) return { types: [], union: [] };
  const { $ref, allOf, anyOf, oneOf, ...own } = given;
  const as = (inner, more) => settle({ ...(isObject(inner) && inner), title: undefined, ...own, ...more }, root, steps - 1); // a type's title is no field's
  if ($ref !== undefined) return as(follow(root, $ref));
  if (Array.isArray(allOf) && allOf.length === 1) return as(allOf[0]);
  const union = [anyOf, oneOf].find(Array.isArray) ?? [], others = union.filter((it) => it?.type !== 'null');
  const all = [own.type].flat().filter((type) => typeof type === 'string'), types = all.filter((type) => type !== 'null');
  const mayBeNull = own.mayBeNull === true || others.length < union.length || types.length < all.length;
  if (others.length === 1) return as(others[0], { mayBeNull });
  const choices = choicesOf({ ...own, type: types.length === 1 ? types[0] : undefined }, others);
  if (choices && mayBeNull && choices.every(({ value }) => value !== null)) choices.push(choice(null));
  return { ...own, types, union: others, mayBeNull, choices };
}

/** What is wanted, for people: {"x": number, "y"?: number}. */
function shapeOf(given, root, depth = 0) {
  const schema = settle(given, root), [type, ...more] = schema.types;
  const inner = (it) => shapeOf(it, root, depth + 1);
  if (depth > 3) return '…';
  if (schema.choices) return schema.choices.slice(0, 8).map(({ value }) => JSON.stringify(value)).join(' | ');
  if (schema.union.length > 0) return schema.union.slice(0, 8).map(inner).join(' or ');
  if (type === 'array' && isObject(schema.items)) return `[${inner(schema.items)}, …]`;
  const properties = propertiesOf(schema).slice(0, 8);
  if (properties.length > 0) return `{${properties.map(([name, it]) => `${JSON.stringify(name)}${requires(schema, name) ? '' : '?'}: ${inner(it)}`).join(', ')}}`;
  return [type, ...more].filter(Boolean).join(' or ') || 'anything';
}

const requires = ({ required }, name) => Array.isArray(required) && required.includes(name);

// ---- fields ----

// How a value is asked for: what makes its input, and what reads a text that has been filled in.
const kinds = {
  choice: {
    make: ({ id, schema: { choices }, isRequired, preset }) => el('select', { id },
      ...(choices.some(({ value }) => value === preset) ? [] : [el('option', { value: '' }, isRequired ? 'choose' : 'left out')]),
      ...choices.map(({ value, name }, i) => el('option', { value: String(i), selected: value === preset }, name))),
    read: (text, { schema }) => schema.choices[Number(text)].value,
  },
  check: {
    make: ({ id, preset }) => el('input', { id, type: 'checkbox', checked: preset === true }),
  },
  number: {
    make: ({ id, schema, isRequired, preset }) => el('input', {
      id, type: 'number', step: schema.types[0] === 'integer' ? 1 : 'any', min: schema.minimum, max: schema.maximum, value: preset, required: isRequired,
    }),
    read: Number,
  },
  text: {
    make: ({ preset, schema, ...field }) => textInput(field, typeof preset === 'string' ? preset : '', schema.maxLength > 200),
    read: (text) => text,
  },
  json: {
    make: ({ preset, ...field }) => textInput({ ...field, placeholder: 'JSON' }, preset === undefined ? '' : json(preset), true),
    read(text, { name }) {
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new Error(`${name} is not JSON: ${error.message}`);
      }
    },
  },
};

function textInput({ id, isRequired, placeholder }, value, isLong) {
  const attributes = { id, autocomplete: 'off', spellcheck: 'false', required: isRequired, placeholder };
  const input = isLong || value.includes('\n') ? el('textarea', attributes) : el('input', { ...attributes, type: 'text' });
  input.value = value;
  return input;
}

function kindOf({ schema: { types: [type, ...more], choices, mayBeNull }, isRequired, preset }) {
  if (type === 'boolean' && !mayBeNull && (isRequired || typeof preset === 'boolean')) return 'check';
  if (choices) return 'choice';
  return more.length > 0 ? 'json' : { integer: 'number', number: 'number', string: 'text' }[type] ?? 'json';
}

/** What has been filled in; undefined: it is left out. */
function valueOf(input, kind, field) {
  if (kind === 'check') return input.checked;
  if (input.validity.badInput) throw new Error(`${field.name} is no number`);
  if (kind === 'text' ? input.value !== '' : input.value.trim() !== '') return kinds[kind].read(input.value, field);
  if (!field.isRequired) return undefined;
  if (field.schema.mayBeNull) return null;
  if (kind === 'text') return '';
  throw new Error(`${field.name} is missing`);
}

const titleOf = ({ schema: { title }, path }) => (typeof title === 'string' && title !== '' ? title : path.at(-1));
const labelOf = (field) => el('label', { for: field.id }, titleOf(field), field.isRequired ? '' : el('span', { class: 'soft' }, ' optional'));

/** The hint below a field, which the field is described by. */
function hintOf({ id, schema }, input, ...more) {
  const hints = [schema.description, ...more].filter((it) => typeof it === 'string' && it !== '');
  if (hints.length === 0) return null;
  input.setAttribute('aria-describedby', `${id}-hint`);
  return el('p', { class: 'hint', id: `${id}-hint` }, hints.join(' · '));
}

function plainField(form, field, given) {
  const kind = kindOf(field), { schema } = field, input = kinds[kind].make(field);
  const hint = hintOf(field, input, kind === 'number' && (schema.minimum ?? schema.maximum) !== undefined ? `${schema.minimum ?? '…'} to ${schema.maximum ?? '…'}` : '',
    kind === 'json' ? shapeOf(given, form.root).slice(0, SHAPE_MAX) : '');
  return { element: el('div', { class: kind === 'check' ? 'field check' : 'field' }, labelOf(field), input, hint), take: () => valueOf(input, kind, field) };
}

/** An object that may be left out is, until its box is checked. */
function groupField(form, field) {
  const { id, path, schema, isRequired, preset } = field, mayBeLeft = !isRequired || schema.mayBeNull;
  const group = groupOf(form, path, schema, isObject(preset) ? preset : {});
  const box = el('input', { id, type: 'checkbox', checked: isObject(preset) });
  const legend = el('legend', {}, ...(mayBeLeft ? [box, ' ', labelOf(field)] : [titleOf(field)]));
  const fieldset = el('fieldset', { disabled: mayBeLeft && !box.checked }, legend);
  fieldset.append(...[hintOf(field, fieldset), ...group.elements].filter(Boolean));
  box.addEventListener('change', () => { fieldset.disabled = !box.checked; });
  return { element: fieldset, take: () => (!mayBeLeft || box.checked ? group.take() : isRequired ? null : undefined) };
}

/** { element, take() }: what has been filled in, or undefined; it throws what is wrong. */
function fieldOf(form, path, given, isRequired, preset) {
  const schema = settle(given, form.root);
  const field = { id: `argument-${form.n++}`, path, name: path.join('.'), schema, isRequired, preset: preset === undefined ? schema.default : preset };
  const isGroup = propertiesOf(schema).length > 0 && !schema.choices && schema.union.length === 0 && path.length < GROUPS_MAX && form.n < FIELDS_MAX;
  return isGroup ? groupField(form, field) : plainField(form, field, given);
}

/** Of an object's properties. */
function groupOf(form, path, schema, preset) {
  const fields = propertiesOf(schema).map(([name, given]) => [name, fieldOf(form, [...path, name], given, requires(schema, name), Object.hasOwn(preset, name) ? preset[name] : undefined)]);
  return {
    elements: fields.map(([, { element }]) => element),
    take: () => Object.fromEntries(fields.map(([name, { take }]) => [name, take()]).filter(([, value]) => value !== undefined)),
  };
}

/** { elements, take() } for a tool's arguments. */
const makeForm = (inputSchema) => groupOf({ root: inputSchema, n: 0 }, [], settle(inputSchema, inputSchema), {});
