/** idb.js is copied here from the npm package of that name, which has its types. */
export * from "idb";
