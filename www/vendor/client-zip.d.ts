/** client-zip.js is copied here from the npm package of that name, which has its types. */
export * from "client-zip";
