/** What a second catalogue must have to stand beside the English one. */
export type Shape<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => string ? (...args: A) => string : string;
};
